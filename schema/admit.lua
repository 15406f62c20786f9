-- admit: may this upload begin? Asked by the server before the body of one that will not fit one segment, or whose
-- sender waits for a word: a delivery that is known is settled, else room is kept for the body and a sign of life is
-- given.
--
-- KEYS staging, room, staged, seen (or room again where the delivery has no id)
-- ARGV 1 job id, 2 now ms, 3 source, 4 bytes that must fit, 5 limit of all sources, 6 limit of this one (0: none),
--      7 digest that the headers prove the body to have ('' if they do not), 8 bytes declared (-1: not),
--      9 bytes to keep room for now: who has proven nothing yet gets no more than a beginning (0: none is kept, and
--      no sign given), 10… proofs: what commit.lua was given if this is the same delivery, signature and all
-- Returns {'go'}; {'full', bytes that all hold} or {'greedy', bytes that this source holds} where there is no room;
-- {'same', job} if this delivery was committed before; {'other', job, state} if its id was, with what is
-- proven to be another body. All but 'go' change nothing; what is known is told by a primary alone.
local staging, room, staged, seen = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local id, now, source, want = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local prefix = room:match('^(gs:{[^}]*}:)')

if seen ~= room then
	local before = redis.call('GET', seen)
	local job, hash, proof = (before or ''):match('^(%S+) (%S+) ?(%S*)$')
	if job then
		-- Removes nothing: a replica, which may have been a primary and have what the new one lost, refuses it.
		redis.call('HDEL', staged, '-')
		local have = redis.call('HMGET', prefix .. 'job:' .. job, 'state', 'bytes')
		-- Of a delivery that was signed so, the digest is its proof; a former version kept one of every body.
		local digest = proof:match('^sha%-256=.*') or #hash == 64 and 'sha-256=' .. hash
		local unlike = ARGV[8] ~= '-1' and have[2] and have[2] ~= ARGV[8]
		if ARGV[7] ~= '' and (unlike or digest and digest ~= ARGV[7]) then
			return {'other', job, have[1] or 'gone'}
		end
		if ARGV[7] ~= '' and digest then
			return {'same', job}
		end
		for i = 10, #ARGV do
			if ARGV[i] == proof then
				return {'same', job}
			end
		end
	end
end

local why, bytes = no_room(room, source, want, tonumber(ARGV[5]), tonumber(ARGV[6]))
if why then
	return {why, bytes}
end
if ARGV[9] ~= '0' then
	redis.call('ZADD', staging, now, id)
	redis.call('HSET', staged, id, ARGV[9] .. ' ' .. source)
	redis.call('HINCRBY', room, 'staged:' .. source, ARGV[9])
end
return {'go'}
