/**
 * The Lua of the run log. Facts are spliced as text and never decoded and encoded again: cjson writes an empty list as
 * an empty object. `at` comes from Redis' clock, the only one that all processes share.
 */
const at = `
local time = redis.call('time')
local at = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local function stamped(fact) return '{"at":' .. at .. ',' .. string.sub(fact, 2) end
`;

/** KEYS log, appended, lease, claims · ARGV seen, token or '', id of this append, run, channel, claim (keep/take/release), facts … */
export const appendScript = `
local length = redis.call('llen', KEYS[1])
if length ~= tonumber(ARGV[1]) then
  if redis.call('get', KEYS[2]) == ARGV[3] then return 'appended' end
  return 'stale'
end
if length == 0 then return 'stale' end
if ARGV[2] ~= '' and redis.call('get', KEYS[3]) ~= ARGV[2] then return 'not-owner' end
if ARGV[6] ~= 'keep' then
  local first = cjson.decode(redis.call('lindex', KEYS[1], 0))
  local claim = first.service .. '/' .. first.environment
  local holder = redis.call('hget', KEYS[4], claim)
  if ARGV[6] == 'take' then
    if holder and holder ~= ARGV[4] then return { 'held', holder } end
    redis.call('hset', KEYS[4], claim, ARGV[4])
  elseif holder == ARGV[4] then
    redis.call('hdel', KEYS[4], claim)
  end
end
${at}
for i = 7, #ARGV do redis.call('rpush', KEYS[1], stamped(ARGV[i])) end
redis.call('set', KEYS[2], ARGV[3])
redis.call('publish', ARGV[5], ARGV[4])
return 'appended'
`;

/** KEYS counter, claims, index, locks · ARGV claim, uid, first fact without run, service, environment, channel, prefix of logs */
export const startScript = `
local holder = redis.call('hget', KEYS[2], ARGV[1])
if holder then
  local first = redis.call('lindex', ARGV[7] .. holder, 0)
  if first and cjson.decode(first).uid == ARGV[2] then return { 'started', holder } end
  return { 'held', holder }
end
local lock = redis.call('hget', KEYS[4], ARGV[1])
if lock then return { 'locked', lock } end
local run
repeat run = 'PG-' .. redis.call('incr', KEYS[1]) until redis.call('exists', ARGV[7] .. run) == 0
${at}
redis.call('rpush', ARGV[7] .. run, stamped('{"type":"run.started","run":"' .. run .. '",' .. string.sub(ARGV[3], 2)))
redis.call('lpush', KEYS[3], cjson.encode({ run = run, service = ARGV[4], environment = ARGV[5] }))
redis.call('hset', KEYS[2], ARGV[1], run)
redis.call('publish', ARGV[6], run)
return { 'started', run }
`;

/** KEYS locks · ARGV service/environment, lock without its moment · gives {mine (1/0), the lock in force} */
export const lockScript = `
local before = redis.call('hget', KEYS[1], ARGV[1])
if before then return { 0, before } end
${at}
local lock = stamped(ARGV[2])
redis.call('hset', KEYS[1], ARGV[1], lock)
return { 1, lock }
`;

/** KEYS locks · ARGV service/environment · gives the lock that was there, or nothing */
export const unlockScript = `
local before = redis.call('hget', KEYS[1], ARGV[1])
redis.call('hdel', KEYS[1], ARGV[1])
return before
`;

/** KEYS lease, tokens, token of the last give-back · ARGV length in ms, how · gives {token, 0} or {0, ms until it may be free} */
export const acquireScript = `
local owner = redis.call('get', KEYS[1])
if owner and (ARGV[2] ~= 'seize' or owner == redis.call('get', KEYS[3])) then return { 0, redis.call('pttl', KEYS[1]) } end
local token = redis.call('incr', KEYS[2])
redis.call('set', KEYS[1], token, 'px', ARGV[1])
if ARGV[2] ~= 'execute' then redis.call('set', KEYS[3], token) end
return { token, 0 }
`;

/** KEYS lease · ARGV token, length in ms */
export const renewScript = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('pexpire', KEYS[1], ARGV[2])
`;

/** KEYS lease · ARGV token */
export const releaseScript = `
if redis.call('get', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('del', KEYS[1])
`;
