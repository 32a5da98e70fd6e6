-- Makes all changes and writes the audit's line, or says which change cannot be.
--
-- KEYS: the revision; the records; their order by revision; the audit.
-- ARGV: the channel; how many lines of the audit are kept; the line's time; the line; then for each change
-- its record, what is expected of it (*, - for absent, + for present, or a revision), and its content behind
-- a +, or - for a deletion.
--
-- A record is its revision and that content; one that was deleted stays, and says so.
if #KEYS == 0 then return end

local REVISION, RECORDS, ORDER, AUDIT = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local revision = string.format('%.0f', tonumber(redis.call('GET', REVISION) or '0') + 1)

local found, contents = {}, {}

local function find(record)
  if not found[record] then
    local kept = redis.call('HGET', RECORDS, record) or ''
    local at, mark = string.match(kept, '^(%d+)([+-])')
    found[record] = { at = at, is_there = mark == '+' }
  end
  return found[record]
end

local function holds(expect, now)
  if expect == '*' then return true end
  if expect == '-' then return not now.is_there end
  if expect == '+' then return now.is_there end
  return expect == now.at
end

for at = 5, #ARGV, 3 do
  local record, content = ARGV[at], ARGV[at + 2]
  if not holds(ARGV[at + 1], find(record)) then return { 0, tostring((at - 5) / 3) } end
  -- The changes behind it find what it has made.
  found[record] = { at = revision, is_there = string.sub(content, 1, 1) == '+' }
  contents[record] = content
end

-- First, because it is the only one that can fail: where the revision was lost and its audit was not.
redis.call('XADD', AUDIT, 'MAXLEN', '~', ARGV[2], revision .. '-0', 'at', ARGV[3], 'line', ARGV[4])
redis.call('SET', REVISION, revision)
for record, content in pairs(contents) do
  redis.call('HSET', RECORDS, record, revision .. content)
  redis.call('ZADD', ORDER, revision, record)
end
-- Not everybody may publish. Whoever hears nothing asks each second.
redis.pcall('PUBLISH', ARGV[1], revision)
return { 1, revision }
