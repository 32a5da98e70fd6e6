-- The rows of one minute as far as they are still known one by one.
-- KEYS: the minute's rows. ARGV from 3: from, to but not including, in ms.
local from, to = tonumber(ARGV[3]), tonumber(ARGV[4])
local answer = {}
for _, packed in ipairs(redis.call('HVALS', KEYS[1])) do
  local row = cmsgpack.unpack(packed)
  local at = tonumber(row[2])
  if at >= from and at < to then
    table.insert(answer, row[3])
    table.insert(answer, row[4])
  end
end
return answer
