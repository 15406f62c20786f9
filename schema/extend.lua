-- extend: keeps more room for an upload whose length was not declared.
--
-- KEYS room, staged
-- ARGV 1 job id, 2 source, 3 bytes more, 4 limit of all sources, 5 limit of this one (0: none)
-- Returns 'go'; 'full' or 'greedy' where there is no room; 'lost' if none was kept before, or it was taken away.
local room, staged = KEYS[1], KEYS[2]
local have = redis.call('HGET', staged, ARGV[1])
if not have then
	return 'lost'
end
local more = tonumber(ARGV[3])
local why = no_room(room, ARGV[2], more, tonumber(ARGV[4]), tonumber(ARGV[5]))
if why then
	return why
end
redis.call('HSET', staged, ARGV[1], string.format('%.0f', tonumber(have:match('^%S+')) + more) .. ' ' .. ARGV[2])
redis.call('HINCRBY', room, 'staged:' .. ARGV[2], more)
return 'go'
