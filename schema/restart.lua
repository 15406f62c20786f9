-- restart: the document's crs member came behind its features; all is to be done again.
--
-- KEYS job, out, report, dead, deadof
-- ARGV 1 epoch, 2 the CRS that was found, 3 now ms
-- Returns 'ok' or 'stale'.
local have = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'source', 'results', 'dead')
if have[1] ~= ARGV[1] or have[2] ~= 'running' then
	return 'stale'
end
local letters = redis.call('LRANGE', KEYS[5], 0, -1)
for at = 1, #letters, 1000 do
	redis.call('XDEL', KEYS[4], unpack(letters, at, math.min(at + 999, #letters)))
end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[5])
local room = KEYS[1]:match('^(gs:{[^}]*}:)') .. 'room'
for i, kind in ipairs({'results', 'dead'}) do
	local bytes = tonumber(have[i + 3] or '0')
	if bytes > 0 then
		redis.call('HINCRBY', room, kind .. ':' .. (have[3] or ''), string.format('%.0f', -bytes))
	end
end
redis.call('HDEL', KEYS[1], 'accepted', 'repaired', 'rejected', 'next', 'chunk', 'results', 'dead', 'reach', 'anew')
-- The letters that the janitor dropped come again.
for _, field in ipairs(redis.call('HKEYS', KEYS[1])) do
	if field:match('^dropped:') then
		redis.call('HDEL', KEYS[1], field)
	end
end
if redis.call('HSET', KEYS[1], 'pass_crs', ARGV[2]) == 1 then
	redis.call('HSET', KEYS[1], 'tries', '0')
end
redis.call('HSET', KEYS[1], 'parsed', '0', 'updated', ARGV[3])
return 'ok'
