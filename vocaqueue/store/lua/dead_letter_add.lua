#!lua
-- List a message that was set aside. Repeating it with the same id changes nothing.
--
-- a: id (made by the caller), queue, reason (code), message (sentence), raw (excerpt), size (bytes of the whole message), worker, kept
-- Answers {state = 'listed' | 'known'}.
if redis.call('HEXISTS', K.dead_letter, a.id) == 1 then return answer({ state = 'known' }) end
redis.call('HSET', K.dead_letter, a.id, cjson.encode({
  at = now, queue = a.queue, reason = a.reason, message = a.message, raw = a.raw, size = a.size, worker = a.worker,
}))
redis.call('ZADD', K.dead_letters, now_us, a.id)
while redis.call('ZCARD', K.dead_letters) > a.kept do
  redis.call('HDEL', K.dead_letter, redis.call('ZPOPMIN', K.dead_letters)[1])
end
return answer({ state = 'listed' })
