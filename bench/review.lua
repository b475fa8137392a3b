-- wrk -s review.lua URL -- FILE FIRST COUNT: posts TokenReviews with the tokens in lines FIRST … FIRST+COUNT-1 of FILE,
-- each once, and stops. With COUNT 1 it is the same one all the time.
local requests, next_one = {}, 1

function init(args)
  local first, count, number = tonumber(args[2]), tonumber(args[3]), 0
  local headers = { ["Content-Type"] = "application/json", Host = wrk.headers["Host"] }
  for token in io.lines(args[1]) do
    number = number + 1
    if number >= first and number < first + count then
      local body = '{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","spec":{"token":"' .. token .. '"}}'
      requests[#requests + 1] = wrk.format("POST", nil, headers, body)
    end
  end
end

function request()
  if #requests == 1 then return requests[1] end
  if next_one > #requests then
    wrk.thread:stop()
    return requests[#requests]
  end
  next_one = next_one + 1
  return requests[next_one - 1]
end
