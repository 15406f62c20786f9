-- list_jobs: a page of the visible jobs, newest first. Reads only.
--
-- KEYS index
-- ARGV 1 where to begin: score and id of the last job of the page before, as 'score.id', or '';
--      2 source and 3 state to keep ('' for any), 4 how many to return, 5 how many to look at
-- Returns {where to go on ('' at the end), job, {field, value, …}, job, …}.
local prefix = KEYS[1]:match('^(gs:{[^}]*}:)')
local from, last = ARGV[1]:match('^(%d+)%.(.+)$')
local source, state, limit, left = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local found, offset, page = {''}, 0, nil
repeat
	page = redis.call('ZREVRANGEBYSCORE', KEYS[1], from or '+inf', '-inf', 'WITHSCORES', 'LIMIT', offset, 100)
	for i = 1, #page, 2 do
		local id, score = page[i], page[i + 1]
		if score ~= from or id < last then
			local hash = redis.call('HGETALL', prefix .. 'job:' .. id)
			local f = {}
			for k = 1, #hash, 2 do
				f[hash[k]] = hash[k + 1]
			end
			if f.state and (source == '' or f.source == source) and (state == '' or f.state == state) then
				found[#found + 1] = id
				found[#found + 1] = hash
			end
			left = left - 1
			if #found > 2 * limit or left <= 0 then
				found[1] = score .. '.' .. id
				return found
			end
		end
	end
	offset = offset + 100
until #page == 0
return found
