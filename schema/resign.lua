-- resign: a janitor that ends gives its lease up, unless it ran out meanwhile and another one has it.
--
-- KEYS janitor
-- ARGV 1 its name
-- Returns 1, or 0 if the lease is not its own.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
	return 0
end
return redis.call('UNLINK', KEYS[1])
