-- Keeps events. The same batch of the same node twice is that batch once.
--
-- KEYS: the stream; the number of this node's last batch.
-- ARGV: the batch's number; for how many seconds to remember it; how many events are kept; the time, in
-- milliseconds, of the oldest that are; then for each event the values of its members, in the order of NAMES.
--
-- An event's id is the time, or one more than the last one's if that is later: a number for each, which grows.
if #KEYS == 0 then return end

local NAMES = { 'type', 'tenant_id', 'project_id', 'direction', 'mode', 'action_taken', 'entity_types',
  'entity_count', 'request_id', 'timestamp' }

if redis.call('GET', KEYS[2]) == ARGV[1] then return 0 end

-- There is none at first, which is an error.
local stream, last = redis.pcall('XINFO', 'STREAM', KEYS[1]), 0
for at = 1, #stream, 2 do
  if stream[at] == 'last-generated-id' then last = tonumber(string.match(stream[at + 1], '^%d+')) end
end
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

for at = 5, #ARGV, #NAMES do
  local members = {}
  for member, name in ipairs(NAMES) do
    members[#members + 1] = name
    members[#members + 1] = ARGV[at + member - 1]
  end
  last = math.max(last + 1, now)
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[3], string.format('%.0f-0', last), unpack(members))
end
redis.call('SET', KEYS[2], ARGV[1], 'EX', ARGV[2])
-- Servers before 6.2 trim by length alone.
redis.pcall('XTRIM', KEYS[1], 'MINID', '~', ARGV[4])
return 1
