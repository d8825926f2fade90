-- Who calls with an API key (api-gateway-lab.md, the challenge of managing API keys). The filter's context names the keys that hold, by SHA-256:
-- what is configured, or shown by Envoy's own pages, opens nothing. A key has 256 bits, so there is nothing to guess from its digest,
-- and digests are what is compared: how long that takes tells nothing of a key.
--
-- A request without a key goes on as it came, and whoever judges tokens judges it. One with a key is its consumer's, or is refused here.

local bit = require("bit")
local band, bnot, bxor, ror, rshift, tobit = bit.band, bit.bnot, bit.bxor, bit.ror, bit.rshift, bit.tobit

-- As tests/mesh and the policies know them: the metadata is what no client can send.
local METADATA, FIELD = "envoy.filters.http.api_keys", "consumer"
local LENGTH = 43

-- FIPS 180-4, 4.2.2 and 5.3.3: the first 32 bits of the fractional parts of the cube and square roots of the first primes.
local K = {
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
}
local FIRST = {
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
}

local function words(block)
  local w = {}
  for i = 1, 16 do
    local a, b, c, d = block:byte(4 * i - 3, 4 * i)
    w[i] = tobit(a * 0x1000000 + b * 0x10000 + c * 0x100 + d)
  end
  for i = 17, 64 do
    local x, y = w[i - 15], w[i - 2]
    local s0 = bxor(ror(x, 7), ror(x, 18), rshift(x, 3))
    local s1 = bxor(ror(y, 17), ror(y, 19), rshift(y, 10))
    w[i] = tobit(w[i - 16] + s0 + w[i - 7] + s1)
  end
  return w
end

local function compress(state, block)
  local w = words(block)
  local a, b, c, d, e, f, g, h = unpack(state)
  for i = 1, 64 do
    local s1 = bxor(ror(e, 6), ror(e, 11), ror(e, 25))
    local t1 = tobit(h + s1 + bxor(band(e, f), band(bnot(e), g)) + K[i] + w[i])
    local s0 = bxor(ror(a, 2), ror(a, 13), ror(a, 22))
    local t2 = tobit(s0 + bxor(band(a, b), band(a, c), band(b, c)))
    a, b, c, d, e, f, g, h = tobit(t1 + t2), a, b, c, tobit(d + t1), e, f, g
  end
  local after = {a, b, c, d, e, f, g, h}
  for i = 1, 8 do after[i] = tobit(state[i] + after[i]) end
  return after
end

-- Of less than 2^29 bytes; in hexadecimal.
function sha256(text)
  local zeros = (55 - #text) % 64
  local size = #text * 8
  local tail = {}
  for i = 3, 0, -1 do tail[#tail + 1] = string.char(math.floor(size / 256 ^ i) % 256) end
  local padded = text .. "\128" .. ("\0"):rep(zeros + 4) .. table.concat(tail)
  local state = FIRST
  for at = 1, #padded, 64 do state = compress(state, padded:sub(at, at + 63)) end
  local hex = {}
  for i = 1, 8 do hex[i] = bit.tohex(state[i]) end
  return table.concat(hex)
end

local function refuse(handle)
  handle:respond({[":status"] = "401", ["www-authenticate"] = "ApiKey"}, "Unauthorized")
end

-- Anything but the form of a key is refused before it costs a digest.
local function consumer_of(key, keys)
  if #key ~= LENGTH or key:find("[^A-Za-z0-9]") then return nil end
  local digest, found = sha256(key), nil
  for _, one in ipairs(keys) do
    if one["sha256"] == digest then found = one["consumer"] end
  end
  return found
end

function envoy_on_request(handle)
  local headers = handle:headers()
  -- Of no client: only what is decided below.
  headers:remove("x-lab-consumer")
  local number = headers:getNumValues("x-api-key")
  if number == 0 then return end
  -- Two keys, or a key and a token: whose request would it be?
  if number > 1 or headers:getNumValues("authorization") > 0 then return refuse(handle) end
  local consumer = consumer_of(headers:getAtIndex("x-api-key", 0), handle:filterContext():get("keys"))
  if consumer == nil then return refuse(handle) end
  headers:remove("x-api-key")
  headers:add("x-lab-consumer", consumer)
  handle:streamInfo():dynamicMetadata():set(METADATA, FIELD, consumer)
end
