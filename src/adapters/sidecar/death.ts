// How a guest's life ended, as facts and as a sentence that names the cause.

/** Why the host ended it. The first two are no fault of the handlers that ran there beside the cause. */
export type EndReason = 'stopped' | 'overdue' | 'silent' | 'memory' | 'broken_wire' | 'unready'

export interface Death {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  /** null: it ended by itself. */
  readonly endedBy: { readonly reason: EndReason; readonly because: string } | null
  readonly livedMs: number
  /** The wire stopped in the middle of a message. */
  readonly torn: boolean
  /** The kernel killed some process for want of memory during the last moments. */
  readonly outOfMemory: boolean
  /** At the last look; null: never looked. */
  readonly rssBytes: number | null
  readonly lastLines: readonly string[]
}

/** True when what the process was running may have caused it. */
export function blamesHandlers({ endedBy }: Death): boolean {
  return endedBy === null || ['silent', 'memory', 'broken_wire'].includes(endedBy.reason)
}

/** What a process is sent by an operator, a supervisor or the kernel; whatever ends it otherwise comes from what it runs. */
const sentByOthers: readonly (NodeJS.Signals | null)[] = ['SIGTERM', 'SIGKILL', 'SIGINT', 'SIGHUP', 'SIGQUIT']

/** The same signals as a shell's wrapper reports them. */
const codesOfOthers: readonly (number | null)[] = [129, 130, 131, 137, 143]

/** True when what ran there alone is known to have ended it: neither the host, nor the kernel for want of memory, nor a signal that others send. */
export function endedItself({ endedBy, outOfMemory, signal, exitCode }: Death): boolean {
  return endedBy === null && !outOfMemory && !sentByOthers.includes(signal) && !codesOfOthers.includes(exitCode)
}

/** `exited with code 7 after 120 ms …`: to stand behind the process's name. */
export function deathSentence(death: Death): string {
  const { exitCode, signal, livedMs, torn, endedBy, outOfMemory, rssBytes, lastLines } = death
  const how = signal === null ? `exited with code ${exitCode}` : `was ended by ${signal}`
  const memory = rssBytes === null ? '' : `, with ${Math.round(rssBytes / 1_048_576)} MB of memory at the last look`
  const killer = signal === 'SIGKILL' && endedBy === null ? killedFromOutside(outOfMemory, memory) : ''
  const why = endedBy === null ? killer : ` (${endedBy.because})`
  const lines = lastLines.length === 0 ? '' : `; its last lines: ${lastLines.join(' | ')}`
  return `${how} after ${livedMs} ms${torn ? ' in the middle of a message' : ''}${why}${lines}`
}

function killedFromOutside(outOfMemory: boolean, memory: string): string {
  return outOfMemory
    ? ` (the kernel was out of memory${memory}: give the handler less data at once, or the machine more memory)`
    : ` (not by stephost${memory})`
}
