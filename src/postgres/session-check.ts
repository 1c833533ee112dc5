// Whether a connection has the session settings that Tasker's functions need; a pooler in between may have dropped them.
import { HostError } from '../model/host-error.ts'
import type { DatabaseTarget } from './database-fault.ts'
import type { Queryable } from './statement.ts'

/** The first statement of a pool. Rejects with DATABASE_POOLED when search_path, time zone or the form of dates are not in force (wire-protocol §11.2). */
export async function checkSession(database: Queryable, target: DatabaseTarget): Promise<void> {
  const [row] = await database.query<{ search_path: string; time_zone: string; date_style: string }>({
    text: `SELECT current_setting('search_path') AS search_path, current_setting('TimeZone') AS time_zone, current_setting('DateStyle') AS date_style`,
  })
  const schemas = (row?.search_path ?? '').split(',').map((name) => name.trim().replaceAll('"', ''))
  const wrong = [
    ...(schemas.filter((name) => name !== '$user')[0] === 'tasker' && schemas.includes('public')
      ? []
      : [`search_path is "${row?.search_path ?? ''}"`]),
    ...(/^(Etc\/)?(UTC|UCT|Universal|Zulu|GMT)$/i.test(row?.time_zone ?? '')
      ? []
      : [`the time zone is "${row?.time_zone ?? ''}"`]),
    ...(row?.date_style.startsWith('ISO') === true ? [] : [`the style of dates is "${row?.date_style ?? ''}"`]),
  ]
  if (wrong.length === 0) return
  const role = `ALTER ROLE "${target.user}" IN DATABASE "${target.database}"`
  throw new HostError(
    'DATABASE_POOLED',
    `A pooler at ${target.address} does not pass our session settings on: ${wrong.join(', ')}; ` +
      `run \`${role} SET search_path = tasker, public; ${role} SET TimeZone = 'UTC'; ${role} SET DateStyle = 'ISO'\` and restart the pooler's connections`,
  )
}
