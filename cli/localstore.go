package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/crossfade-dev/crossfade/controller"
	"github.com/crossfade-dev/crossfade/localcloud"
)

// A cloudStore remembers the rollouts that the services of a local cloud start,
// where the other commands look for rollouts.
type cloudStore struct {
	controller.Store
	env   *Env
	close func() error
}

// openForCloud opens the store for a cloud that is about to start, and ends the
// rollouts of clouds that are gone. A place where nothing can be remembered is no
// reason not to start: the store then is nil, and the cloud remembers by itself.
func (o storeOptions) openForCloud(ctx context.Context, env *Env) (*cloudStore, error) {
	store, err := o.open(ctx, env)
	if err != nil && o.path == "" {
		env.say("%v; so crossfade list does not show what templates and CodeDeploy roll out here", err)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &cloudStore{Store: store, env: env, close: store.Close}
	if err := s.bury(ctx, env.isDead); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return s, nil
}

// bury ends the rollouts of clouds in memory whose process is dead: their aliases
// are gone with it, and nobody could go on.
func (s *cloudStore) bury(ctx context.Context, dead func(owner string) bool) error {
	records, err := s.List(ctx, controller.Filter{Open: true})
	if err != nil {
		return err
	}
	ctl := controller.New(controller.Config{Store: s.Store, Clock: s.env.Clock, Owner: s.env.owner(), NewID: s.env.NewID})
	for _, rec := range records {
		lease, ok, err := s.Lease(ctx, rec.Aliases()[0])
		if err != nil {
			return err
		}
		if !ok || !strings.HasPrefix(lease.Owner, localcloud.MemoryOwner) || !dead(lease.Owner) {
			continue
		}
		err = ctl.TakeOver(ctx, rec.ID, lease.Owner)
		if err == nil {
			_, err = ctl.GiveUp(ctx, rec.ID, s.env.owner(), "the local cloud that it was in has ended, and kept nothing")
		}
		if err != nil && !errors.Is(err, controller.ErrEnded) {
			return err
		}
	}
	return nil
}

// end closes the store after the cloud of this process has ended. One in memory
// takes its rollouts with it.
func (s *cloudStore) end(inMemory bool) error {
	if s == nil {
		return nil // the cloud remembered by itself
	}
	var err error
	if inMemory {
		ctx := context.Background() // the command's has ended by now
		err = s.bury(ctx, func(owner string) bool { return strings.HasSuffix(owner, " of "+s.env.owner()) })
	}
	return errors.Join(err, s.close())
}
