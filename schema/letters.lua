-- letters: stands before forget.lua and whole.lua (schema/scripts.c puts them together): takes dead letters of a job
-- away, no more than `most`, fewer where they are long. Their room goes in the same step: who dismisses the job between
-- this and the next knows only of letters that are left. Returns how many it took; 0: there are none.
local function drop_letters(job, dead, deadof, most)
	local gone, bytes, many = 0, 0, 4
	while gone < most and bytes < 1048576 do
		local ids, before = redis.call('LPOP', deadof, math.min(most - gone, many)), bytes
		if not ids then
			break
		end
		for _, id in ipairs(ids) do
			local entry = redis.call('XRANGE', dead, id, id)[1]
			for _, text in ipairs(entry and entry[2] or {}) do
				bytes = bytes + #text
			end
		end
		redis.call('XDEL', dead, unpack(ids))
		gone, many = gone + #ids, bytes - before < 16384 and 64 or 4
	end
	if bytes > 0 then
		local room, source = job:match('^(gs:{[^}]*}:)') .. 'room', redis.call('HGET', job, 'source') or ''
		redis.call('HINCRBY', job, 'dead', string.format('%.0f', -bytes))
		redis.call('HINCRBY', room, 'dead:' .. source, string.format('%.0f', -bytes))
	end
	return gone
end
