-- Turns the s_access cookie into "authorization: Bearer <token>" (eco2.md, AuthN/AuthZ flow, steps 3-5).
--
-- An authorization header that is there, even an empty one, is left as it is. When it is not certain which token is meant
-- (two s_access cookies, a value no token can have, more than the bounds below), no header is set and ext-authz refuses.

local COOKIE = "s_access"
local MAX_COOKIE_HEADERS = 64
local MAX_COOKIE_BYTES = 32768
local MAX_TOKEN_BYTES = 4096

-- The text without spaces and tabs around it, in one pass each way: a pattern could be made to look at it over and over.
local function trimmed(text)
  local first = text:find("[^ \t]")
  if not first then
    return ""
  end
  local last = #text
  while text:byte(last) == 32 or text:byte(last) == 9 do
    last = last - 1
  end
  return text:sub(first, last)
end

-- The value without the double quotes that RFC 6265 lets a server put around it.
local function unquoted(value)
  return value:match('^"(.*)"$') or value
end

-- How many cookies of that name one Cookie header holds, and the value of the last; a bare name counts, with a value of nil.
local function cookies_named(name, line)
  local count, found = 0, nil
  for pair in line:gmatch("[^;]+") do
    local equals = pair:find("=", 1, true)
    if trimmed(pair:sub(1, (equals or #pair + 1) - 1)) == name then
      count = count + 1
      found = equals and trimmed(pair:sub(equals + 1))
    end
  end
  return count, found
end

-- The value of the only s_access cookie of all Cookie headers, or nil.
local function only_cookie(headers)
  local lines = headers:getNumValues("cookie")
  if lines > MAX_COOKIE_HEADERS then
    return nil
  end
  local bytes, count, found = 0, 0, nil
  for index = 0, lines - 1 do
    local line = headers:getAtIndex("cookie", index) or ""
    bytes = bytes + #line
    if bytes > MAX_COOKIE_BYTES then
      return nil
    end
    local more, value = cookies_named(COOKIE, line)
    count, found = count + more, value or found
  end
  if count == 1 then
    return found
  end
  return nil
end

local function is_token(value)
  return #value <= MAX_TOKEN_BYTES and value:match("^[A-Za-z0-9._-]+$") ~= nil
end

function envoy_on_request(request_handle)
  local headers = request_handle:headers()
  if headers:getNumValues("authorization") > 0 then
    return
  end
  local value = only_cookie(headers)
  if not value then
    return
  end
  local token = unquoted(value)
  if is_token(token) then
    headers:add("authorization", "Bearer " .. token)
  end
end
