// The environment of a guest: an allow-list, because handlers get no secrets of the host (design D15).

const inherited = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'] as const

/** The allowed variables that the host has, then those that were given; nothing else. */
export function guestEnvironment(
  given: Readonly<Record<string, string>>,
  host: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const name of inherited) {
    const value = host[name]
    if (value !== undefined) passed[name] = value
  }
  return { ...passed, ...given }
}
