-- may: which commands may this user not run, of those that a server sends or has its scripts send? Nothing is changed:
-- each is tried in a form that does nothing to a key that is not there. (INCR has none: a server sends it beside this.)
--
-- KEYS 1 such a key
-- Returns their names; none where all may be run.
local key, refused = KEYS[1], {}
for _, form in ipairs({
	{'COPY', key, key .. ':'}, {'EXISTS', key}, {'GET', key}, {'HDEL', key, 'f'}, {'HEXISTS', key, 'f'},
	{'HGET', key, 'f'}, {'HGETALL', key}, {'HINCRBY', key, 'f', 'none'}, {'HLEN', key}, {'HMGET', key, 'f'},
	{'HSET', key, 'f', 'v', 'odd'}, {'LLEN', key}, {'LRANGE', key, '0', '0'},
	{'LREM', key, '1', 'v'}, {'PERSIST', key},
	{'PEXPIRE', key, '1'}, {'SET', key, 'v', 'XX'}, {'SETRANGE', key, '0', ''}, {'UNLINK', key},
	{'XADD', key, 'NOMKSTREAM', '*', 'f', 'v'}, {'XDEL', key, '1-1'}, {'XINFO', 'GROUPS', key}, {'XLEN', key},
	{'XRANGE', key, '-', '-'}, {'XREVRANGE', key, '-', '-'}, {'ZADD', key, 'XX', '1', 'm'},
	{'ZREM', key, 'm'}, {'ZREVRANGEBYSCORE', key, '1', '1'}, {'ZSCORE', key, 'm'},
}) do
	local answer = redis.pcall(unpack(form))
	local why = type(answer) == 'table' and answer.err or ''
	if why:find('ACL failure in script') or why:find('The user executing the script') then	-- of 7.2 on; before
		refused[#refused + 1] = form[1]
	end
end
return refused
