-- list_letters: a page of the dead letters without their texts, newest first. Reads only.
--
-- KEYS dead, deadof (dead again where no job is named)
-- ARGV 1 where to begin, as an earlier page said, or ''; 2 source and 3 code to keep ('' for any), 4 how many to
--      return, 5 how many to look at: Redis does nothing else meanwhile, so a long text counts for several
-- Returns {where to go on ('' at the end), stream id, {field, value, …}, stream id, …}.
local source, code, limit, left = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local of_job = KEYS[2] ~= KEYS[1]
local found = {''}

-- Keeps what fits the filters; true when the page is full, or enough was looked at.
local function take(entry, here)
	local f, fields = {}, {}
	for k = 1, #entry[2], 2 do
		local name, value = entry[2][k], entry[2][k + 1]
		f[name] = value
		if name == 'raw' then
			left = left - math.floor(#value / 16384)
		else
			fields[#fields + 1] = name
			fields[#fields + 1] = value
		end
	end
	if f.code and (source == '' or f.source == source) and (code == '' or f.code == code) then
		found[#found + 1] = entry[1]
		found[#found + 1] = fields
	end
	left = left - 1
	if #found > 2 * limit or left <= 0 then
		found[1] = here
		return true
	end
	return false
end

if of_job then
	local length = redis.call('LLEN', KEYS[2])
	local at = math.min(tonumber(ARGV[1]) or length, length)
	while at > 0 do
		local first = math.max(at - 64, 0)
		local ids = redis.call('LRANGE', KEYS[2], first, at - 1)
		for i = #ids, 1, -1 do
			local entry = redis.call('XRANGE', KEYS[1], ids[i], ids[i])[1] or {ids[i], {}}
			if take(entry, tostring(first + i - 1)) then
				return found
			end
		end
		at = first
	end
	return found
end
local from = ARGV[1] == '' and '+' or '(' .. ARGV[1]
while true do
	local page = redis.call('XREVRANGE', KEYS[1], from, '-', 'COUNT', 4)
	for _, entry in ipairs(page) do
		if take(entry, entry[1]) then
			return found
		end
		from = '(' .. entry[1]
	end
	if #page == 0 then
		return found
	end
end
