-- bury: removes dead letters, by id or those before a time, and gives their room back.
--
-- KEYS dead, replayed, room
-- ARGV 1 first id to keep, of those that are removed by age ('' for none), 2 how many at the most, 3… ids. With 2 = '0'
--      those ids are of letters that there was no room for: their jobs count them by code, as 'dropped:<code>'
-- Returns how many it removed. A letter's size is the length of its fields and values, as chunk.lua counts it.
local dead, replayed, room = KEYS[1], KEYS[2], KEYS[3]
local prefix = dead:match('^(gs:{[^}]*}:)')
local removed = 0

local function remove(entry)
	local bytes, source, job, code = 0, '', '', ''
	for i = 1, #entry[2], 2 do
		local name, value = entry[2][i], entry[2][i + 1]
		bytes = bytes + #name + #value
		if name == 'source' then
			source = value
		elseif name == 'job' then
			job = value
		elseif name == 'code' then
			code = value
		end
	end
	redis.call('XDEL', dead, entry[1])
	redis.call('HDEL', replayed, entry[1])
	redis.call('LREM', prefix .. 'deadof:' .. job, 1, entry[1])
	redis.call('HINCRBY', room, 'dead:' .. source, string.format('%.0f', 0 - bytes))
	if redis.call('HEXISTS', prefix .. 'job:' .. job, 'dead') == 1 then
		redis.call('HINCRBY', prefix .. 'job:' .. job, 'dead', string.format('%.0f', 0 - bytes))
	end
	if ARGV[2] == '0' and redis.call('EXISTS', prefix .. 'job:' .. job) == 1 then
		redis.call('HINCRBY', prefix .. 'job:' .. job, 'dropped:' .. code, 1)
	end
	removed = removed + 1
	return bytes
end

if ARGV[1] ~= '' then
	local left = tonumber(ARGV[2])
	repeat		-- in small pages: a letter may be megabytes long
		local page = redis.call('XRANGE', dead, '-', '(' .. ARGV[1], 'COUNT', math.min(left, 4))
		for _, entry in ipairs(page) do
			left = left - 1 - math.floor(remove(entry) / 65536)
		end
	until #page == 0 or left <= 0
end
for i = 3, #ARGV do
	local entry = redis.call('XRANGE', dead, ARGV[i], ARGV[i])[1]
	if entry then
		remove(entry)
	end
end
return removed
