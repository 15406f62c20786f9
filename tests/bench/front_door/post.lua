-- wrk: sends the requests of the file POSTS in turn; each is whole there: a line with its length, then its bytes.
local requests, at = {}, 0

function init()
	local file = assert(io.open(os.getenv("POSTS"), "rb"))
	for length in function() return file:read("*l") end do
		requests[#requests + 1] = file:read(tonumber(length))
	end
	file:close()
end

function request()
	at = at % #requests + 1
	return requests[at]
end

function done(summary, latency)
	local e = summary.errors
	io.write(string.format("RESULT %d %d %d %d %.1f %.1f\n", summary.requests, summary.duration, e.status,
		e.connect + e.read + e.write + e.timeout, latency:percentile(50), latency:percentile(99)))
end
