-- restart: the document's crs member came behind its features; all is to be done again.
--
-- KEYS job, out, report, dead, deadof
-- ARGV 1 epoch, 2 the CRS that was found, 3 now ms
-- Returns 'ok' or 'stale'.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] or redis.call('HGET', KEYS[1], 'state') ~= 'running' then
	return 'stale'
end
for _, id in ipairs(redis.call('LRANGE', KEYS[5], 0, -1)) do
	redis.call('XDEL', KEYS[4], id)
end
redis.call('UNLINK', KEYS[2], KEYS[3], KEYS[5])
redis.call('HDEL', KEYS[1], 'accepted', 'repaired', 'rejected', 'next', 'chunk')
redis.call('HSET', KEYS[1], 'pass_crs', ARGV[2], 'parsed', '0', 'updated', ARGV[3])
return 'ok'
