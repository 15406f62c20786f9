-- outcome: stands before chunk.lua and done.lua (schema/scripts.c puts them together): writes what came of features,
-- and counts what its source then holds and what of that its job does. Each dead letter is the number of its field and
-- value arguments, and those arguments; the first is ARGV[at], and they go on to the end.
local function write_outcome(job, out, result, results, report, n, lines, dead, deadof, at)
	local letters = 0
	if results ~= '' then
		redis.call('HSET', out, result, results)
	end
	if lines ~= '' then
		redis.call('HSET', report, n, lines)
	end
	while at <= #ARGV do
		local fields = tonumber(ARGV[at])
		local id = redis.call('XADD', dead, '*', unpack(ARGV, at + 1, at + fields))
		redis.call('RPUSH', deadof, id)
		for i = at + 1, at + fields do
			letters = letters + #ARGV[i]
		end
		at = at + 1 + fields
	end
	local room, source = job:match('^(gs:{[^}]*}:)') .. 'room', redis.call('HGET', job, 'source') or ''
	for kind, bytes in pairs({results = #results + #lines, dead = letters}) do
		if bytes > 0 then
			redis.call('HINCRBY', job, kind, bytes)
			redis.call('HINCRBY', room, kind .. ':' .. source, bytes)
		end
	end
end
