-- replay: makes a dead letter a job of its own, once.
--
-- KEYS dead, replayed, raw (new), job (new), jobs, index, raw (of the letter's job; for kind 'document')
-- ARGV 1 stream id of the letter, 2 new job id, 3 now ms, 4 the letter's id for clients, 5 segment bytes,
--      6 limit of all sources, 7 limit of the letter's (0: none), 8 bytes that Redis's memory has room for (-1: any
--      number; 0: it is only asked whether the letter was replayed before);
--      9 SHA-256 and 10 text of the feature as an operator mended it, both absent where the letter's own is taken
-- Returns {'gone'}; {'same', job} if it was replayed before, {'other', job} if that was with another mended text;
-- {'early'} if its job has not ended: if that fails, or is read anew, the letter goes and others may come in its place;
-- {'cut'} if its text is not whole; {'document'} if a document was to be mended; {'full', bytes} or {'greedy', bytes}
-- where there is no room for so many; {'ok', job, bytes}. All but 'ok' change nothing.
local dead, replayed, raw, job, jobs, index, old = unpack(KEYS)
local letter = redis.call('XRANGE', dead, ARGV[1], ARGV[1])[1]
if not letter then
	return {'gone'}
end
local before = redis.call('HGET', replayed, ARGV[1])
if before then
	redis.call('HDEL', replayed, '-')	-- removes nothing: see admit.lua
	local text = ARGV[9] and redis.call('HGET', job:match('^(gs:{[^}]*}:)') .. 'job:' .. before, 'mended')
	return {(not ARGV[9] or text == ARGV[9]) and 'same' or 'other', before}
end
local was = old:gsub(':raw:', ':job:', 1)
local state = redis.call('HGET', was, 'state')
if state == 'accepted' or state == 'running' then
	return {'early'}
end
local f = {}
for i = 1, #letter[2], 2 do
	f[letter[2][i]] = letter[2][i + 1]
end
local bytes, segments, held, version, kept = 0, 0, 0, '1', {}
local text = ARGV[10] or (f.cut ~= '1' and f.raw)
if f.kind == 'document' and ARGV[9] then
	return {'document'}
elseif f.kind == 'document' then
	local have = redis.call('HMGET', was, 'bytes', 'segments', 'held', 'type', 'crs', 'encoding', 'v')
	if not have[2] or redis.call('XLEN', old) ~= tonumber(have[2]) then
		return {'cut'}
	end
	bytes, segments, held, version = have[1], have[2], have[3] or have[1], have[7] or '1'
	for i, name in ipairs({'type', 'crs', 'encoding', 'v'}) do
		if have[i + 3] then
			kept[#kept + 1] = name
			kept[#kept + 1] = have[i + 3]
		end
	end
elseif not text then
	return {'cut'}
else
	bytes = #text
	held = bytes
	kept = {'type', 'application/geo+json'}
	if ARGV[9] then
		kept[#kept + 1] = 'mended'
		kept[#kept + 1] = ARGV[9]
	end
	if f.crs and f.crs ~= '' then
		kept[#kept + 1] = 'crs'
		kept[#kept + 1] = f.crs
	end
end

local want, left, room = tonumber(held), tonumber(ARGV[8]), dead:match('^(gs:{[^}]*}:)') .. 'room'
local why = left >= 0 and want > left and 'full'
	or no_room(room, f.source, want, tonumber(ARGV[6]), tonumber(ARGV[7]))
if why then
	return {why, held}
end
if f.kind == 'document' then
	redis.call('COPY', old, raw)
	redis.call('PERSIST', raw)
else
	for at = 1, bytes, tonumber(ARGV[5]) do
		segments = segments + 1
		redis.call('XADD', raw, segments .. '-0', 'd', text:sub(at, at + tonumber(ARGV[5]) - 1))
	end
end
local message = redis.call('XADD', jobs, '*', 'v', version, 'job', ARGV[2])
redis.call('HSET', job, 'v', '1', 'state', 'accepted', 'source', f.source, 'bytes', bytes, 'segments', segments,
	'created', ARGV[3], 'updated', ARGV[3], 'ack', 'memory', 'replay_of', ARGV[4], 'message', message,
	'held', held, unpack(kept))
redis.call('HINCRBY', room, 'queued:' .. f.source, held)
redis.call('ZADD', index, ARGV[3], ARGV[2])
redis.call('HSET', replayed, ARGV[1], ARGV[2])
return {'ok', ARGV[2], held}
