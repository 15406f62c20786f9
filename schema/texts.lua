-- texts: stands before split.lua, done.lua, whole.lua and finish.lua (schema/scripts.c puts them together): chunks of
-- an encoded document hold its text, until they are done. The bytes of their messages in `parts` are counted in the
-- job, and as part of a body that is worked on among what the job and its source hold.
local function hold_texts(job, bytes)
	if bytes ~= 0 then
		local n = string.format('%.0f', bytes)
		redis.call('HINCRBY', job, 'texts', n)
		redis.call('HINCRBY', job, 'held', n)
		redis.call('HINCRBY', job:match('^(gs:{[^}]*}:)') .. 'room',
			'queued:' .. (redis.call('HGET', job, 'source') or ''), n)
	end
end
