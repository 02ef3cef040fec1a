/**
 * A signal that aborts with the first of `signals`, or with a TimeoutError after `ms`. It holds what it waits for: an AbortSignal.timeout()
 * inside AbortSignal.any() may be collected before its time, and then never comes (nodejs/node#57736, 20.20 and 22).
 */
export function withTimeLimit(ms: number, ...signals: readonly AbortSignal[]): AbortSignal {
  const limited = new AbortController();
  const { signal } = limited;
  const timer = setTimeout(() => limited.abort(new DOMException(`it took longer than ${ms} ms`, 'TimeoutError')), ms);
  timer.unref();
  signal.addEventListener('abort', () => clearTimeout(timer), { once: true });
  for (const source of signals)
    if (source.aborted) limited.abort(source.reason);
    else source.addEventListener('abort', () => limited.abort(source.reason), { once: true, signal });
  return signal;
}
