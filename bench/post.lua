-- wrk -s post.lua URL -- HEADERS BODY [TOKENS FIRST COUNT]: posts the file BODY with the headers in HEADERS, one "Name: value" a line.
-- With TOKENS, lines FIRST … FIRST+COUNT-1 of it are the bearer tokens, each is sent once, and then it stops.
local requests, next_one, once = {}, 1, false

function init(args)
  local file = assert(io.open(args[2]))
  local body = file:read("*a")
  file:close()
  local headers = { Host = wrk.headers["Host"] }
  for line in io.lines(args[1]) do
    local name, value = line:match("^([^:]+):%s*(.*)$")
    headers[name] = value
  end
  if not args[3] then
    requests[1] = wrk.format("POST", nil, headers, body)
    return
  end
  once = true
  local first, count, number = tonumber(args[4]), tonumber(args[5]), 0
  for token in io.lines(args[3]) do
    number = number + 1
    if number >= first and number < first + count then
      headers["Authorization"] = "Bearer " .. token
      requests[#requests + 1] = wrk.format("POST", nil, headers, body)
    end
  end
end

function request()
  if not once then return requests[1] end
  if next_one > #requests then
    wrk.thread:stop()
    return requests[#requests]
  end
  next_one = next_one + 1
  return requests[next_one - 1]
end
