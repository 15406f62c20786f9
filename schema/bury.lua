-- bury: removes dead letters, by id, by age, or the oldest beyond what may be kept, and gives their room back.
--
-- KEYS dead, replayed, room
-- ARGV by id:   1 '', 2 any number, 3… ids
--      by age:  1 first id to keep, 2 how many to look at, 3 where to begin, as below. Those of jobs that have not
--               ended stay: nobody could replay them yet
--      bounded: 1 'over', 2 how many to look at, 3 source ('' for all), 4 bytes that may be kept (0: any number),
--               5 letters that may be kept (0: any number; of all alone), 6 where to begin ('-', or as an earlier call
--               said). There was no room for these: their jobs count them by code, as 'dropped:<code>'
-- Returns how many it removed; by age and bounded {where to go on ('' if the bounds are met or there are no more), how
-- many}.
-- A letter's size is the length of its fields and values, as chunk.lua counts it. A long one counts for several where
-- their number is limited.
local dead, replayed, room = KEYS[1], KEYS[2], KEYS[3]
local prefix = dead:match('^(gs:{[^}]*}:)')
local removed, by_source, by_job = {}, {}, {}

local function read(entry)
	local letter = {id = entry[1], bytes = 0, source = '', job = '', code = ''}
	for i = 1, #entry[2], 2 do
		local name, value = entry[2][i], entry[2][i + 1]
		letter.bytes = letter.bytes + #name + #value
		if name == 'source' or name == 'job' or name == 'code' then
			letter[name] = value
		end
	end
	return letter
end

local function note(letter)
	local of = by_job[letter.job] or {bytes = 0, ids = {}, codes = {}}
	by_job[letter.job] = of
	of.bytes = of.bytes + letter.bytes
	of.ids[#of.ids + 1] = letter.id
	of.codes[letter.code] = (of.codes[letter.code] or 0) + 1
	by_source[letter.source] = (by_source[letter.source] or 0) + letter.bytes
	removed[#removed + 1] = letter.id
end

-- Letters from `from` to `to` in small pages, since one may be megabytes long, until `left` are looked at or wanted()
-- says no. Returns where to go on, '' if there are no more.
local function walk(from, to, left, wanted)
	local many = 4
	while wanted() do
		local page, size = redis.call('XRANGE', dead, from, to, 'COUNT', math.min(left, many)), 0
		for _, entry in ipairs(page) do
			local letter = read(entry)
			if wanted(letter) then
				note(letter)
			end
			size, from = size + letter.bytes, '(' .. letter.id
			left = left - 1 - math.floor(letter.bytes / 65536)
		end
		if #page == 0 then
			return ''
		end
		if left <= 0 then
			return from
		end
		many = size < 16384 and 64 or 4
	end
	return ''
end

local trimmed = {}	-- what is counted of letters that are not there: somebody took them away

local function beyond_bounds()
	local source, bytes, letters, kept = ARGV[3], 0, 0, redis.call('HGETALL', room)
	local fields = {}
	for i = 1, #kept, 2 do
		local of = kept[i]:match('^dead:(.*)$')
		if of and (source == '' or of == source) then
			bytes = bytes + tonumber(kept[i + 1])
			fields[#fields + 1] = kept[i]
		end
	end
	bytes = tonumber(ARGV[4]) > 0 and bytes - tonumber(ARGV[4]) or 0
	letters = tonumber(ARGV[5]) > 0 and redis.call('XLEN', dead) - tonumber(ARGV[5]) or 0
	local behind = walk(ARGV[6], '+', tonumber(ARGV[2]), function (letter)
		if bytes <= 0 and letters <= 0 then
			return false
		end
		if letter and source ~= '' and letter.source ~= source then
			return false
		end
		if letter then
			bytes, letters = bytes - letter.bytes, letters - 1
		end
		return true
	end)
	-- Else all that come would be removed to make up for them.
	if behind == '' and bytes > 0 or redis.call('XLEN', dead) == #removed then
		trimmed = fields
	end
	return behind
end

local ended = {}
local function has_ended(job)
	if ended[job] == nil then
		local state = redis.call('HGET', prefix .. 'job:' .. job, 'state')
		ended[job] = state ~= 'accepted' and state ~= 'running'
	end
	return ended[job]
end

local next
if ARGV[1] == 'over' then
	next = beyond_bounds()
elseif ARGV[1] ~= '' then
	next = walk(ARGV[3], '(' .. ARGV[1], tonumber(ARGV[2]), function (letter)
		return not letter or has_ended(letter.job)
	end)
else
	for i = 3, #ARGV do
		local entry = redis.call('XRANGE', dead, ARGV[i], ARGV[i])[1]
		if entry then
			note(read(entry))
		end
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
	if ARGV[1] == 'over' and redis.call('EXISTS', hash) == 1 then
		for code, n in pairs(of.codes) do
			redis.call('HINCRBY', hash, 'dropped:' .. code, n)
		end
	end
end
for source, bytes in pairs(by_source) do
	redis.call('HINCRBY', room, 'dead:' .. source, string.format('%.0f', 0 - bytes))
end
for _, field in ipairs(trimmed) do
	redis.call('HDEL', room, field)
end
return next and {next, #removed} or #removed
