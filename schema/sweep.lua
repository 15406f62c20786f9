-- sweep: removes consumers that are gone and owe nothing; the janitor's, and who ends removes itself. In one step,
-- since a consumer that is removed takes its pending entries with it.
--
-- KEYS a stream
-- ARGV 1 group, 2 idle ms, 3 the one consumer that is meant ('' for all)
-- Returns how many it removed.
local list = redis.pcall('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])
local removed = 0
if list.err then
	return 0
end
for _, consumer in ipairs(list) do
	local f = {}
	for i = 1, #consumer, 2 do
		f[consumer[i]] = consumer[i + 1]
	end
	if f.pending == 0 and f.idle >= tonumber(ARGV[2]) and (ARGV[3] == '' or ARGV[3] == f.name) then
		redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], f.name)
		removed = removed + 1
	end
end
return removed
