-- wrk -s tokens.lua URL -- FILE FIRST COUNT: sends lines FIRST … FIRST+COUNT-1 of FILE as bearer tokens, each once,
-- and stops. Every one of them is new to the server.
local requests, next_one = {}, 1

function init(args)
  local first, count, number = tonumber(args[2]), tonumber(args[3]), 0
  for token in io.lines(args[1]) do
    number = number + 1
    if number >= first and number < first + count then
      requests[#requests + 1] = wrk.format(nil, nil, { Authorization = "Bearer " .. token, Host = wrk.headers["Host"] })
    end
  end
end

function request()
  if next_one > #requests then
    wrk.thread:stop()
    return requests[#requests]
  end
  next_one = next_one + 1
  return requests[next_one - 1]
end
