-- room: stands before admit.lua, extend.lua and replay.lua (schema/scripts.c puts them together): is there room for
-- `want` bytes more of `source`? limit is that of all sources, mine that of this one (0: none).
-- Gives nothing where there is; else 'full' and the bytes that all hold, or 'greedy' and those that this one does.
local function no_room(room, source, want, limit, mine)
	local all, own = 0, 0
	local held = redis.call('HGETALL', room)
	for i = 1, #held, 2 do
		local n = math.max(tonumber(held[i + 1]), 0)
		all = all + n
		if held[i]:match('^%a+:(.*)$') == source then
			own = own + n
		end
	end
	if limit > 0 and all + want > limit then
		return 'full', string.format('%.0f', all)
	end
	if mine > 0 and own + want > mine then
		return 'greedy', string.format('%.0f', own)
	end
end
