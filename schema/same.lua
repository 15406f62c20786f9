-- same: stands before commit.lua and publish.lua (schema/scripts.c puts them together): was it this body? nil: it was
-- hashed under another key, or by a former version, and nobody can tell. The proof is as in admit.lua, '' for none.
local function same(known, was, hash, proof)
	if known == hash or proof ~= '' and (proof == was or proof == 'sha-256=' .. known) then
		return true
	end
	if known:match('^%x+:') == hash:match('^%x+:') then
		return false
	end
	return nil
end
