-- take: a worker takes a chunk whose message it was given.
--
-- KEYS job, parts
-- ARGV 1 number of the chunk, 2 a nonce: the same call again, after its reply was lost, is no try of its own,
--      3 deliveries allowed
-- Returns {'gone'} if it was done or nobody wants it any more; else {'run', epoch, message, field, value, …} with the
-- job's whole hash; 'worn' in the place of 'run' if it was tried too often. Deaths that are put down to a feature begin
-- the count anew.
local job, parts = KEYS[1], KEYS[2]
local part = redis.call('HGET', parts, ARGV[1])
local have = redis.call('HMGET', job, 'state', 'epoch', 'suspicions')
if not part or have[1] ~= 'running' then
	return {'gone'}
end
local nonce, tries, deaths = (redis.call('HGET', parts, 'c' .. ARGV[1]) or '- 0 0'):match('^(%S+) (%d+) (%d+)$')
tries = tonumber(tries)
if deaths ~= (have[3] or '0') and tonumber(have[3]) <= 1000 then	-- as SUSPICIONS_MAX in workers/suspects.c
	tries = 0
end
if nonce ~= ARGV[2] then
	tries = tries + 1
	redis.call('HSET', parts, 'c' .. ARGV[1], ARGV[2] .. ' ' .. tries .. ' ' .. (have[3] or '0'))
end
local reply = redis.call('HGETALL', job)
table.insert(reply, 1, part)
table.insert(reply, 1, have[2])
table.insert(reply, 1, tries > tonumber(ARGV[3]) and 'worn' or 'run')
return reply
