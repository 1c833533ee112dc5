// How long something is waited for: until it ends, or until its time is up.

/** False: it had not ended within `limitMs`. A rejection counts as an end. What goes on is left alone. */
export async function endsWithin(work: Promise<unknown>, limitMs: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const timeUp = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, limitMs))
  })
  const ended = work.then(
    () => true,
    () => true,
  )
  try {
    return await Promise.race([ended, timeUp])
  } finally {
    clearTimeout(timer)
  }
}
