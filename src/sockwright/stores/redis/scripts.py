"""What changes something in Redis: scripts, so that each is whole or not at all, and its event is in the stream when
it is acknowledged. All have one key, the prefix of our keys.
"""

from __future__ import annotations

PREFIX = "sockwright:"

# The stream keeps 10,000 events; who missed more compares everything.
_EVENT = """
local function event(kind, name, revision, body)
  local n = redis.call('INCR', KEYS[1] .. 'event')
  redis.call('XADD', KEYS[1] .. 'events', 'MAXLEN', '~', '10000', '*',
             'n', n, 'k', kind, 't', name, 'r', revision, 'b', body)
end
local function advance(name, expect)
  local was = tonumber(redis.call('HGET', KEYS[1] .. 'tables', name) or '0')
  if expect ~= '' and tonumber(expect) ~= was then return nil end
  local revision = redis.call('INCR', KEYS[1] .. 'revision')
  redis.call('HSET', KEYS[1] .. 'tables', name, revision)
  return revision
end
"""
# KEYS: prefix. ARGV: table, expected revision or "", event body, number of dropped keys, these, keys and values.
CHANGE = (
    _EVENT
    + """
local revision = advance(ARGV[1], ARGV[2])
if not revision then return 0 end
local key = KEYS[1] .. 'table:' .. ARGV[1]
local dropped = tonumber(ARGV[4])
for i = 5, 4 + dropped do redis.call('HDEL', key, ARGV[i]) end
for i = 5 + dropped, #ARGV, 2 do redis.call('HSET', key, ARGV[i], ARGV[i + 1]) end
event('change', ARGV[1], revision, ARGV[3])
return revision
"""
)
# ARGV: table, expected revision, the staged table's key.
SWAP = (
    _EVENT
    + """
local revision = advance(ARGV[1], ARGV[2])
if not revision then return 0 end
local key = KEYS[1] .. 'table:' .. ARGV[1]
if redis.call('EXISTS', ARGV[3]) == 1 then
  redis.call('RENAME', ARGV[3], key)
  redis.call('PERSIST', key)
else
  redis.call('DEL', key)
end
event('whole', ARGV[1], revision, '')
return revision
"""
)
REMOVE = (
    _EVENT
    + """
if redis.call('HDEL', KEYS[1] .. 'tables', ARGV[1]) == 0 then return 0 end
redis.call('UNLINK', KEYS[1] .. 'table:' .. ARGV[1])
event('gone', ARGV[1], redis.call('INCR', KEYS[1] .. 'revision'), '')
return 1
"""
)
# ARGV: node, who, milliseconds until the node expires.
ARRIVE = (
    _EVENT
    + """
local number = redis.call('INCR', KEYS[1] .. 'number')
local key = KEYS[1] .. 'node:' .. ARGV[1]
redis.call('HSET', key, number, ARGV[2])
redis.call('PEXPIRE', key, ARGV[3])
redis.call('SADD', KEYS[1] .. 'nodes', ARGV[1])
event('arrive', ARGV[1], number, ARGV[2])
return number
"""
)
DEPART = (
    _EVENT
    + """
redis.call('HDEL', KEYS[1] .. 'node:' .. ARGV[1], ARGV[2])
event('depart', ARGV[1], ARGV[2], '')
return 1
"""
)
# ARGV: kind, name, number.
SAY = _EVENT + "event(ARGV[1], ARGV[2], ARGV[3], '') return 1"
