-- wrk -s headers.lua URL -- FILE: sends the headers in FILE, one "Name: value" a line.
function init(args)
  for line in io.lines(args[1]) do
    local name, value = line:match("^([^:]+):%s*(.*)$")
    wrk.headers[name] = value
  end
end
