/**
 * What the runtime itself uses of RxJS, file by file: the package's index loads six times as many, in each thread of
 * a job. They are the very same as those of `rxjs`, which job modules import.
 *
 * *Caller must*: import from `rxjs` itself nothing but types.
 */
import { Observable } from 'rxjs/internal/Observable'
import { catchError } from 'rxjs/internal/operators/catchError'
import { tap } from 'rxjs/internal/operators/tap'
import { ReplaySubject } from 'rxjs/internal/ReplaySubject'
import { Subject } from 'rxjs/internal/Subject'
import { Subscription } from 'rxjs/internal/Subscription'
import { pipe } from 'rxjs/internal/util/pipe'

export { catchError, Observable, pipe, ReplaySubject, Subject, Subscription, tap }
