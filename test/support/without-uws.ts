/** `node --import without-uws.js …`: as on a platform for which uWebSockets.js has no binary. */
import { register } from 'node:module'

const hooks = `export const resolve = (name, context, next) => {
  if (name === 'uWebSockets.js') throw new Error('there is no binary')
  return next(name, context)
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
