-- thin: which dead letters are to go, the oldest first, so that the others fit their bounds? Reads only; the janitor's.
--
-- KEYS dead, room
-- ARGV 1 source ('' for all), 2 bytes that may be kept (0: any number), 3 letters that may be kept (0: any number; of
--      all alone), 4 where to begin ('-', or as an earlier call said), 5 how many to look at: a long text counts for
--      several
-- Returns {where to go on ('' if the bounds are met or there are no more), id, …}.
local source, look = ARGV[1], tonumber(ARGV[5])
local bytes, letters, kept = 0, 0, redis.call('HGETALL', KEYS[2])
for i = 1, #kept, 2 do
	local of = kept[i]:match('^dead:(.*)$')
	if of and (source == '' or of == source) then
		bytes = bytes + tonumber(kept[i + 1])
	end
end
bytes = tonumber(ARGV[2]) > 0 and bytes - tonumber(ARGV[2]) or 0
letters = tonumber(ARGV[3]) > 0 and redis.call('XLEN', KEYS[1]) - tonumber(ARGV[3]) or 0
local found, from, many = {''}, ARGV[4], 4
while bytes > 0 or letters > 0 do	-- in small pages: a letter may be megabytes long
	local page, all = redis.call('XRANGE', KEYS[1], from, '+', 'COUNT', many), 0
	for _, entry in ipairs(page) do
		local size, of = 0, ''
		for i = 1, #entry[2], 2 do
			size = size + #entry[2][i] + #entry[2][i + 1]
			if entry[2][i] == 'source' then
				of = entry[2][i + 1]
			end
		end
		if (bytes > 0 or letters > 0) and (source == '' or of == source) then
			found[#found + 1] = entry[1]
			bytes, letters = bytes - size, letters - 1
		end
		look, all = look - 1 - math.floor(size / 65536), all + size
		from = '(' .. entry[1]
	end
	if #page == 0 then
		return found
	end
	many = all < 16384 and 64 or 4
	if look <= 0 then
		found[1] = from
		return found
	end
end
return found
