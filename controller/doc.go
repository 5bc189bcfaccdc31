// Package controller carries rollouts out: load, observe, decide, save, act.
// What to decide is [rollout.Decide]'s business; the outside world is behind the
// ports declared here, which the packages below this one implement.
//
// A look at a rollout is one call of [Controller.Reconcile]. It renews the lease
// of the rollout's aliases, observes (an observation that fails is a Problem in
// the world, never "fine"), decides, saves the decision on the condition that
// nobody else saved or took the lease in between, and only then acts. What could
// not be done is recorded and asked for again at the next look. Whatever dies in
// between, the record says what was intended, and the next owner goes on from
// there.
//
// Reconcile starts no goroutines and reads no clock but the one it was given. A
// [Process] calls it for all open rollouts of one owner; [clock.Run] drives that
// in real time and [clock.Virtual] in virtual time.
package controller
