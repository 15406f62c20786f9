-- give_back: a worker gives the chunk back that it took (take.lua); it is no try of its own.
--
-- KEYS parts, chunks
-- ARGV 1 number of the chunk, 2 the nonce it was taken with, 3 group, 4 consumer, 5 message id, 6 idle ms that the
--      message is given, so that it is taken over
-- Returns 'ok'; 'stale' if it was done or somebody else took it since, or the same call was done before.
local parts, field = KEYS[1], 'c' .. ARGV[1]
local nonce, tries, deaths = (redis.call('HGET', parts, field) or '- 0 0'):match('^(%S+) (%d+) (%d+)$')
if nonce ~= ARGV[2] then
	return 'stale'
end
redis.call('HSET', parts, field, string.format('- %d %s', math.max(tonumber(tries) - 1, 0), deaths))
redis.pcall('XCLAIM', KEYS[2], ARGV[3], ARGV[4], 0, ARGV[5], 'IDLE', ARGV[6], 'JUSTID')
return 'ok'
