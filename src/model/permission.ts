// What a caller of the APIs may do. Source: worker-api-and-config §1.1.

export const permissions = [
  'tasks:create',
  'tasks:read',
  'tasks:list',
  'tasks:cancel',
  'tasks:context_read',
  'steps:read',
  'steps:resolve',
  'dlq:read',
  'dlq:update',
  'dlq:stats',
  'templates:read',
  'templates:validate',
  'system:config_read',
  'system:handlers_read',
  'system:analytics_read',
  'worker:config_read',
  'worker:templates_read',
] as const
export type Permission = (typeof permissions)[number]

/** A whole resource is granted as `tasks:*`; a lone `*` grants nothing. */
export function isPermission(text: string): boolean {
  return permissions.some((known) => known === text || wholeResource(known) === text)
}

export function grants(granted: readonly string[], wanted: Permission): boolean {
  return granted.includes(wanted) || granted.includes(wholeResource(wanted))
}

/** Everything there is, as a list that says so. */
export const allPermissions: readonly string[] = [...new Set(permissions.map(wholeResource))]

function wholeResource(permission: string): string {
  return `${permission.slice(0, permission.indexOf(':'))}:*`
}
