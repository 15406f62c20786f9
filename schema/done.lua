-- done: what came of a chunk, once.
--
-- KEYS job, parts, out, report, dead, deadof, chunks
-- ARGV 1 group, 2 message id, 3 number of the chunk, 4 'features', 'tail' or 'failed', 5 now ms, 6 accepted,
--      7 repaired, 8 rejected, 9 bytes of the body, 10 microseconds and 11 units of work that it took, 12 results
--      (of a tail: the collection's foreign members; '' if none), 13 report, 14 how far its features reach ('' for
--      other chunks), 15 the nonce with which it was taken, 16 number of field, value arguments for the job, those,
--      then for each dead letter the number of its field and value arguments and those arguments
-- Of failures the one of the lowest chunk counts; what comes behind it is not wanted any more. Returns 'ok'; 'last' if
-- the job can be ended now (watch.lua says how); 'stale' if the chunk was done before, or nobody wants it; 'taken' if
-- somebody else has it, whose it stays. It may not even be the same: a Redis that lost its last second may have been
-- given other features under this number.
local job, parts, out, report, dead, deadof, chunks = unpack(KEYS)
local n, kind = ARGV[3], ARGV[4]
if redis.call('HEXISTS', parts, n) == 1 and
	(redis.call('HGET', parts, 'c' .. n) or ''):match('^%S*') ~= ARGV[15] then
	return 'taken'
end
redis.call('XACK', chunks, ARGV[1], ARGV[2])
redis.call('XDEL', chunks, ARGV[2])
local is = redis.call('HMGET', job, 'state', 'whole', 'texts')
if is[1] ~= 'running' or is[2] or redis.call('HEXISTS', parts, n) == 0 then
	return 'stale'
end

local freed = 0
local function drop(number)
	freed = freed + (is[3] and redis.call('HSTRLEN', parts, number) or 0)
	redis.call('HDEL', parts, number, 'c' .. number, 'e' .. number)
	redis.call('HINCRBY', job, 'left', -1)
end

-- Of each token the sum (+), the lesser (<) or the greater (>); see wire.md. No number is written anew but the sum.
local function together(was, more)
	local had, now = {}, {}
	for number in was:gmatch('[+<>](%S+)') do
		had[#had + 1] = number
	end
	for sign, number in more:gmatch('([+<>])(%S+)') do
		local old = had[#now + 1]
		if old and sign == '+' then
			number = string.format('%.0f', tonumber(old) + tonumber(number))
		elseif old and (sign == '<') == (tonumber(old) < tonumber(number)) then
			number = old
		end
		now[#now + 1] = sign .. number
	end
	return table.concat(now, ' ')
end

if ARGV[14] ~= '' then
	redis.call('HSET', job, 'reach', together(redis.call('HGET', job, 'reach') or '', ARGV[14]))
end
local fields = tonumber(ARGV[16])
if fields > 0 then
	redis.call('HSET', job, unpack(ARGV, 17, 16 + fields))
end
write_outcome(job, out, kind == 'tail' and 'head' or n, ARGV[12], report, n, ARGV[13], dead, deadof, 17 + fields)
for i, name in ipairs({'accepted', 'repaired', 'rejected', 'parsed', 'cost_us', 'cost_units'}) do
	redis.call('HINCRBY', job, name, ARGV[i + 5])
end
redis.call('HSET', job, 'updated', ARGV[5])
drop(n)
local first = math.huge	-- the lowest that is left
for _, field in ipairs(redis.call('HKEYS', parts)) do
	local number = tonumber(field)
	if number and kind == 'failed' and number > tonumber(n) then
		drop(field)
	elseif number and number < first then
		first = number
	end
end
hold_texts(job, -freed)
local have = redis.call('HMGET', job, 'split', 'left', 'fail')
if have[3] and first > tonumber(have[3]) or not have[3] and have[1] == 'done' and tonumber(have[2]) == 0 then
	return 'last'
end
return 'ok'
