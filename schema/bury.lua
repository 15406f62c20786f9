-- bury: removes dead letters, by id or those before a time, and gives their room back.
--
-- KEYS dead, replayed, room
-- ARGV 1 first id to keep, of those that are removed by age ('' for none), 2 how many at the most, 3… ids. With 2 = '0'
--      those ids are of letters that there was no room for: their jobs count them by code, as 'dropped:<code>'
-- Returns how many it removed. A letter's size is the length of its fields and values, as chunk.lua counts it.
local dead, replayed, room = KEYS[1], KEYS[2], KEYS[3]
local prefix = dead:match('^(gs:{[^}]*}:)')
local removed, by_source, by_job = {}, {}, {}

local function note(entry)
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
	local of = by_job[job] or {bytes = 0, ids = {}, codes = {}}
	by_job[job] = of
	of.bytes = of.bytes + bytes
	of.ids[#of.ids + 1] = entry[1]
	of.codes[code] = (of.codes[code] or 0) + 1
	by_source[source] = (by_source[source] or 0) + bytes
	removed[#removed + 1] = entry[1]
	return bytes
end

if ARGV[1] ~= '' then
	local left, from, many = tonumber(ARGV[2]), '-', 4
	repeat		-- in small pages: a letter may be megabytes long
		local page = redis.call('XRANGE', dead, from, '(' .. ARGV[1], 'COUNT', math.min(left, many))
		local size = 0
		for _, entry in ipairs(page) do
			local bytes = note(entry)
			size, from = size + bytes, '(' .. entry[1]
			left = left - 1 - math.floor(bytes / 65536)
		end
		many = size < 16384 and 64 or 4
	until #page == 0 or left <= 0
end
for i = 3, #ARGV do
	local entry = redis.call('XRANGE', dead, ARGV[i], ARGV[i])[1]
	if entry then
		note(entry)
	end
end
-- What a full Redis refuses it takes from a script that has removed something before.
for at = 1, #removed, 1000 do
	redis.call('XDEL', dead, unpack(removed, at, math.min(at + 999, #removed)))
	redis.call('HDEL', replayed, unpack(removed, at, math.min(at + 999, #removed)))
end
for job, of in pairs(by_job) do
	local hash = prefix .. 'job:' .. job
	for _, id in ipairs(of.ids) do
		redis.call('LREM', prefix .. 'deadof:' .. job, 1, id)
	end
	if redis.call('HEXISTS', hash, 'dead') == 1 then
		redis.call('HINCRBY', hash, 'dead', string.format('%.0f', 0 - of.bytes))
	end
	if ARGV[2] == '0' and redis.call('EXISTS', hash) == 1 then
		for code, n in pairs(of.codes) do
			redis.call('HINCRBY', hash, 'dropped:' .. code, n)
		end
	end
end
for source, bytes in pairs(by_source) do
	redis.call('HINCRBY', room, 'dead:' .. source, string.format('%.0f', 0 - bytes))
end
return #removed
