// The requests and EventSource snippets of the queue guide, as it writes them: relative paths, its names, its fields.
// The text of this file is run in Chromium as it is, and in Node by node.mjs. Answers what was seen, for a person to read;
// throws where something is not as the guide says.

async function guide(bodies) {
  const check = (is, what) => { if (!is) throw new Error(`not as in the guide: ${what}`); };
  const has = (object, ...names) => names.forEach((name) => check(name in object, `${name} in ${JSON.stringify(object)}`));
  const call = async (method, path, body) => {
    const options = { method };
    if (body instanceof FormData) options.body = body;
    // The guide's actions have no body; one by cookie needs one, if only {}.
    else if (body !== undefined || (method !== 'GET' && bodies)) {
      options.body = JSON.stringify(body ?? {});
      options.headers = { 'Content-Type': 'application/json' };
    }
    const answer = await fetch(path, options);
    const text = await answer.text();
    return { status: answer.status, ...(text ? JSON.parse(text) : {}) };
  };
  const good = async (method, path, body) => {
    const answer = await call(method, path, body);
    check(answer.success === true && 'data' in answer, `${method} ${path}: ${JSON.stringify(answer)}`);
    return answer.data;
  };
  const until = async (is, what) => {
    const end = Date.now() + 60000;
    while (!is()) {
      check(Date.now() < end, `${what} within a minute`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const TYPES = ['image-generation', 'content-generation', 'batch-import', 'export', 'cleanup'];

  // SSE: the whole stream, as written
  const allStats = [], percents = {}, results = {}, errors = {};
  const eventSource = new EventSource('/api/admin/queue/events');
  eventSource.addEventListener('queue-stats', (event) => {
    const stats = JSON.parse(event.data);
    allStats.push(stats);
  });
  eventSource.addEventListener('job-progress', (event) => {
    const { jobId, progress } = JSON.parse(event.data);
    (percents[jobId] ??= []).push(progress.percent);
  });
  eventSource.addEventListener('job-completed', (event) => {
    const { jobId, result } = JSON.parse(event.data);
    results[jobId] = result;
  });
  eventSource.addEventListener('job-failed', (event) => {
    const { jobId, error } = JSON.parse(event.data);
    errors[jobId] = error;
  });
  await until(() => allStats.length > 0, 'queue-stats');

  // Words come in by a CSV file
  const words = ['apple', 'book', 'cat', 'dog', 'egg', 'fish', 'garden', 'house', 'island', 'jacket', 'kitchen', 'lamp', 'moon', 'night',
    'ocean', 'paper', 'queen', 'river', 'school', 'table', 'uncle', 'village', 'water', 'year', 'zoo', 'bread', 'cloud', 'door', 'ear', 'flower'];
  const rows = words.map((word, n) => `${word},단어 ${n},noun,A1`);
  const form = new FormData();
  form.append('file', new Blob([['word,meaning,pos,level', ...rows].join('\n')], { type: 'text/csv' }), '단어.csv');
  const imported = await good('POST', '/api/admin/queue/jobs/batch-import', form);
  check(imported.type === 'batch-import', 'type of the import');
  await until(() => imported.jobId in results, 'job-completed of the import');
  const ids = (await good('GET', '/api/words?limit=100')).items.map((word) => word.id);
  check(ids.length === 30, `30 words, not ${ids.length}`);

  // Statistics
  const stats = await good('GET', '/api/admin/queue/stats');
  for (const one of [stats, allStats[0]]) {
    has(one, 'waiting', 'active', 'completed', 'failed', 'delayed', 'paused', 'isPaused', 'jobCounts');
    has(one.jobCounts, ...TYPES);
  }
  check(stats.completed === 1 && stats.jobCounts['batch-import'] === 1 && stats.isPaused === false, JSON.stringify(stats));

  // Create jobs, follow one of them
  const drawn = await good('POST', '/api/admin/queue/jobs/image-generation',
    { wordIds: ids, style: 'cartoon', size: '512x512', regenerate: false, priority: 'normal' });
  check(drawn.type === 'image-generation' && drawn.totalWords === 30 && drawn.status === 'waiting', JSON.stringify(drawn));
  check(drawn.jobId.startsWith('image-generation-'), drawn.jobId);
  const jobId = drawn.jobId;
  const ofJob = [];
  const oneJob = new EventSource(`/api/admin/queue/events/job/${jobId}`);
  for (const name of ['job-active', 'job-progress', 'job-completed'])
    oneJob.addEventListener(name, (event) => ofJob.push([name, JSON.parse(event.data).jobId]));
  const written = await good('POST', '/api/admin/queue/jobs/content-generation', {
    wordIds: ids.slice(0, 2),
    options: { generateMnemonic: true, generateExamples: true, generateEtymology: false },
    priority: 'high',
  });
  check(written.totalWords === 2, JSON.stringify(written));
  await until(() => jobId in results && written.jobId in results, 'job-completed of both');
  check(results[jobId] !== null && typeof results[jobId] === 'object', 'result is an object');
  check(percents[jobId].length > 1 && percents[jobId].at(-1) === 100, `percents ${percents[jobId]}`);
  check(percents[jobId].every((percent, n, all) => percent >= 0 && percent <= 100 && (!n || percent >= all[n - 1])), 'percents grow');
  await until(() => oneJob.readyState === 2, 'the stream of a job to end with it, and not to be asked for again');
  check(ofJob.length > 1 && ofJob.every(([, id]) => id === jobId), JSON.stringify(ofJob));
  check(ofJob.at(-1)[0] === 'job-completed' && ofJob.filter(([name]) => name === 'job-completed').length === 1, 'one end');

  // Lists and details
  const list = await good('GET', '/api/admin/queue/jobs?type=image-generation&status=completed&page=1&limit=20');
  check(list.items.length === 1 && list.items[0].id === jobId, JSON.stringify(list));
  await good('GET', '/api/admin/queue/jobs?type=image-generation&status=active&page=1&limit=20');
  const detail = await good('GET', `/api/admin/queue/jobs/${jobId}`);
  check(detail.status === 'completed' && detail.progress.completed === 30 && detail.progress.percent === 100 && detail.params.style === 'cartoon', JSON.stringify(detail));

  // What fails says why, and can be tried again
  const failing = await good('POST', '/api/admin/queue/jobs/image-generation', { wordIds: ['uuid-1', 'uuid-2'] });
  await until(() => failing.jobId in errors, 'job-failed');
  has(errors[failing.jobId], 'code', 'message');
  const failed = await good('GET', `/api/admin/queue/jobs/${failing.jobId}`);
  check(failed.progress.errors.length === 2, JSON.stringify(failed.progress));
  for (const error of failed.progress.errors) has(error, 'itemId', 'itemName', 'code', 'message', 'timestamp');
  delete errors[failing.jobId];
  const again = await good('POST', `/api/admin/queue/jobs/${failing.jobId}/retry`);
  check(again.attemptsMade === 2, JSON.stringify(again));
  await until(() => failing.jobId in errors, 'job-failed of the second try');

  // The whole queue: pause, resume, empty, clean
  const action = (body) => good('POST', '/api/admin/queue/action', body);
  await action({ action: 'pause' });
  await until(() => allStats.at(-1).isPaused === true, 'isPaused in queue-stats');
  const held = await good('POST', '/api/admin/queue/jobs/export', { format: 'csv' });
  const waiting = await good('POST', '/api/admin/queue/jobs/export', { format: 'csv', filter: { level: 'A1' } });
  check((await good('POST', `/api/admin/queue/jobs/${held.jobId}/cancel`)).status === 'cancelled', 'cancelled');
  check((await action({ action: 'empty' })).affected === 1, 'emptied one');
  check((await call('GET', `/api/admin/queue/jobs/${waiting.jobId}`)).status === 404, 'emptied');
  await action({ action: 'resume' });
  await until(() => allStats.at(-1).isPaused === false, 'not isPaused in queue-stats');
  await good('DELETE', `/api/admin/queue/jobs/${failing.jobId}`);
  const missing = await call('GET', `/api/admin/queue/jobs/${failing.jobId}`);
  check(missing.status === 404 && missing.success === false && missing.error.code === 'job_not_found', JSON.stringify(missing));
  const cleaned = await action({ action: 'clean', options: { status: 'completed', grace: 0 } });
  check(cleaned.affected === 3, JSON.stringify(cleaned));
  const nonsense = await call('POST', '/api/admin/queue/jobs/image-generation', { wordIds: ids, style: 'nobody' });
  check(nonsense.status === 422 && nonsense.error.details[0].field === 'style', JSON.stringify(nonsense));

  eventSource.close();
  return { progressEvents: percents[jobId].length, counts: allStats.length };
}
