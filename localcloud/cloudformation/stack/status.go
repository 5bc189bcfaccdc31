package stack

import "strings"

// A Status is what AWS calls the state of a stack.
type Status string

// The statuses of stacks.
const (
	ReviewInProgress                        Status = "REVIEW_IN_PROGRESS"
	CreateInProgress                        Status = "CREATE_IN_PROGRESS"
	CreateComplete                          Status = "CREATE_COMPLETE"
	CreateFailed                            Status = "CREATE_FAILED"
	RollbackInProgress                      Status = "ROLLBACK_IN_PROGRESS"
	RollbackComplete                        Status = "ROLLBACK_COMPLETE"
	RollbackFailed                          Status = "ROLLBACK_FAILED"
	UpdateInProgress                        Status = "UPDATE_IN_PROGRESS"
	UpdateCompleteCleanupInProgress         Status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
	UpdateComplete                          Status = "UPDATE_COMPLETE"
	UpdateFailed                            Status = "UPDATE_FAILED"
	UpdateRollbackInProgress                Status = "UPDATE_ROLLBACK_IN_PROGRESS"
	UpdateRollbackCompleteCleanupInProgress Status = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"
	UpdateRollbackComplete                  Status = "UPDATE_ROLLBACK_COMPLETE"
	UpdateRollbackFailed                    Status = "UPDATE_ROLLBACK_FAILED"
	DeleteInProgress                        Status = "DELETE_IN_PROGRESS"
	DeleteComplete                          Status = "DELETE_COMPLETE"
	DeleteFailed                            Status = "DELETE_FAILED"
)

// The statuses of resources that are not also those of stacks.
const deleteSkipped = "DELETE_SKIPPED"

// InProgress says that the stack's status will change by itself. A stack whose
// first change set awaits its execution is not in progress, whatever its status
// is called.
func (s Status) InProgress() bool {
	return s != ReviewInProgress && strings.HasSuffix(string(s), "_IN_PROGRESS")
}

// Updatable says that an update may begin.
func (s Status) Updatable() bool {
	switch s {
	case CreateComplete, UpdateComplete, UpdateRollbackComplete, CreateFailed, UpdateFailed:
		return true
	}
	return false
}

// Deletable says that the stack may be deleted.
//
// Source: CloudFormation lets a creation be interrupted by a deletion, but no
// update.
func (s Status) Deletable() bool {
	return !s.InProgress() || s == CreateInProgress || s == DeleteInProgress
}
