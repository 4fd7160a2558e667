"""What the server does in one step: charge a request to its windows, or say when to ask again; take it back; hear the
venue's word. The arithmetic is `runtime/budget`'s, by the server's clock; a test holds the two together.

Only the venue's word is heard more simply: it raises a count, never lowers it.
"""

from __future__ import annotations

# ARGV: now ("" for the server's clock), priority, bucket of the wait so far, then for each limit:
# window name, amount, limit, length, slack, head, whether it is a key's, and what each of four priorities is sure of.
FIELDS = 11
TIME = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
if ARGV[1] ~= '' then now = tonumber(ARGV[1]) end
"""
SPEND = (
    TIME
    + """
local closed = tonumber(redis.call('GET', KEYS[1] .. ':closed') or '0')
if now < closed then return {0, closed, 0, now} end
local p = tonumber(ARGV[2])
local retry, keyed, charges = 0, 0, {}
for i = 4, #ARGV, 11 do
  local n = {}
  for j = 1, 10 do n[j] = tonumber(ARGV[i + j]) end
  local amount, limit, length, slack, head = n[1], n[2], n[3], n[4], n[5]
  for index = math.floor((now - slack) / length), math.floor((now + slack) / length) do
    local window = ARGV[i] .. ':' .. index
    local found = redis.call('HMGET', window, '0', '1', '2', '3', 'others')
    local total, held, room = tonumber(found[5] or '0'), 0, limit
    for c = 0, 3 do
      local used = tonumber(found[c + 1] or '0')
      total = total + used
      if c ~= p and p ~= 0 then
        held = held + math.max(0, n[7 + c] - used)
        room = room - n[7 + c]
      end
    end
    local mine, at = tonumber(found[p + 1] or '0') + amount, now
    local after = (index + 1) * length + slack
    if total + amount + held > limit then
      at = after
    elseif head < 100 and p >= 2 and mine > n[7 + p] then
      local part = math.ceil((mine * 100 - room * head) * length / (room * 100))
      if part > 0 then at = math.min(after, math.max(now, index * length + part)) end
    end
    if at > now and at > retry then retry, keyed = at, n[6] end
    charges[#charges + 1] = {window, amount, after - now + length}
  end
end
if retry > 0 then return {0, retry, keyed, now} end
for _, charge in ipairs(charges) do
  redis.call('HINCRBY', charge[1], p, charge[2])
  redis.call('PEXPIRE', charge[1], charge[3])
end
redis.call('HINCRBY', KEYS[1] .. ':waits:' .. p, ARGV[3], 1)
return {1, 0, 0, now}
"""
)

# ARGV: now, priority, silence in ms (0: none), sent when, then for each limit: window name, amount, length, slack, the
# venue's count ("" for none).
SAID_FIELDS = 5
ANSWERED = (
    TIME
    + """
local p, silence, sent = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local news = 0
if silence > 0 then
  local closed = tonumber(redis.call('GET', KEYS[1] .. ':closed') or '0')
  if closed <= now then news = 1 end
  if now + silence > closed then redis.call('SET', KEYS[1] .. ':closed', now + silence, 'PX', silence) end
end
for i = 5, #ARGV, 5 do
  local amount, length, slack = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local first, last = math.floor((now - slack) / length), math.floor((now + slack) / length)
  local charged = math.floor((sent + slack) / length)
  for index = math.max(first, charged + 1), last do
    local window = ARGV[i] .. ':' .. index
    redis.call('HINCRBY', window, p, amount)
    redis.call('PEXPIRE', window, 2 * length + slack)
  end
  if ARGV[i + 4] ~= '' and first == last and math.floor((sent - slack) / length) == last then
    local window = ARGV[i] .. ':' .. last
    local ours = 0
    for _, used in ipairs(redis.call('HMGET', window, '0', '1', '2', '3')) do ours = ours + tonumber(used or '0') end
    local others = math.max(tonumber(redis.call('HGET', window, 'others') or '0'), tonumber(ARGV[i + 4]) - ours)
    if others > 0 then redis.call('HSET', window, 'others', others) end
  end
end
return news
"""
)

# ARGV: now, then for each limit of each request that was granted without the server: window name, amount, length, slack,
# priority, how many ms ago.
OWED = (
    TIME
    + """
for i = 2, #ARGV, 6 do
  local length, slack, sent = tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3]), now - tonumber(ARGV[i + 5])
  for index = math.floor((sent - slack) / length), math.floor((sent + slack) / length) do
    local window = ARGV[i] .. ':' .. index
    redis.call('HINCRBY', window, ARGV[i + 4], ARGV[i + 1])
    redis.call('PEXPIRE', window, 2 * length + slack)
  end
end
return 0
"""
)

# ARGV: now, priority, sent when, then for each limit: window name, amount, length, slack.
REFUND_FIELDS = 4
REFUND = """
local sent = tonumber(ARGV[3])
for i = 4, #ARGV, 4 do
  local amount, length, slack = tonumber(ARGV[i + 1]), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  for index = math.floor((sent - slack) / length), math.floor((sent + slack) / length) do
    local window = ARGV[i] .. ':' .. index
    if redis.call('EXISTS', window) == 1 then redis.call('HINCRBY', window, ARGV[2], -amount) end
  end
end
return 0
"""
