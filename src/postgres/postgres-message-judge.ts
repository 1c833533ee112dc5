// Judges messages of other transports on the database of the steps.

import type { ClaimRequest } from '../model/claim-source.ts'
import type { JudgedMessages, MessageJudge, SeenMessage } from '../model/message-judge.ts'
import { claimByIds } from './queries/claim-by-ids.ts'
import type { Queryable } from './statement.ts'

export class PostgresMessageJudge implements MessageJudge {
  readonly #database: Queryable
  readonly #foreignGraceMs: number

  constructor(database: Queryable, options: { foreignGraceMs: number }) {
    this.#database = database
    this.#foreignGraceMs = options.foreignGraceMs
  }

  judge(
    request: ClaimRequest,
    from: { readonly namespace: string; readonly queue: string; readonly messages: readonly SeenMessage[] },
  ): Promise<JudgedMessages> {
    return claimByIds(this.#database, request, { ...from, foreignGraceMs: this.#foreignGraceMs })
  }
}
