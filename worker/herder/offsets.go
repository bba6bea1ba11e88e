package herder

import "github.com/connectd/connectd/internal/cluster"

// changeOffsets lets the worker change a connector's offsets while nothing can use them: the connector is stopped, the group
// has settled since, so that its tasks have ended, and as only the leader writes task configs, none can come before
// OffsetsModified.
func (h *Herder) changeOffsets(to ReplyID, op ChangeOffsets) error {
	if !h.isLeader() {
		return h.notLeader()
	}
	if err := h.known("Connector %s not found", op.Name); err != nil {
		return err
	}
	if err := MayChangeOffsets(op.Name, h.snap.Connectors[op.Name]); err != nil {
		return err
	}
	h.altering[op.Name] = to
	c := h.snap.Connectors[op.Name]
	if !h.cfg.ExactlyOnce || !c.FencingPending || !h.isSource(c) {
		h.emit(ModifyOffsets{Connector: op.Name, Change: op.Change})
		return nil
	}
	// A task that could not be stopped in time might still commit a transaction.
	h.beginFencing(op.Name, c).change = &op
	return nil
}

// changeFenced goes on with a change of offsets after a round of fencing.
func (h *Herder) changeFenced(op *ChangeOffsets, err error) {
	if err == nil && h.snap.Connectors[op.Name] == nil {
		err = cluster.NotFound("Connector %s not found", op.Name)
	} else if err == nil {
		err = MayChangeOffsets(op.Name, h.snap.Connectors[op.Name])
	} else {
		h.note(Error, "zombie fencing before a change of offsets failed", "connector", op.Name, "error", err.Error())
		err = cluster.Errorf(cluster.CodeInternal, "Failed to perform zombie fencing for source connector prior to modifying offsets")
	}
	if err != nil {
		h.offsetsModified(OffsetsModified{Connector: op.Name, Err: err})
		return
	}
	h.emit(ModifyOffsets{Connector: op.Name, Change: op.Change})
}

// MayChangeOffsets refuses to change offsets of a connector that is not stopped, or has tasks.
func MayChangeOffsets(name string, c *cluster.Connector) error {
	if c.Target == cluster.TargetStopped && len(c.Tasks) == 0 {
		return nil
	}
	return cluster.BadRequest("Connectors must be in the STOPPED state before their offsets can be modified. This can be done "+
		"for the specified connector by issuing a 'PUT' request to the '/connectors/%s/stop' endpoint", name)
}

func (h *Herder) offsetsModified(ev OffsetsModified) {
	to := h.altering[ev.Connector]
	delete(h.altering, ev.Connector)
	h.reply(to, Result{Message: ev.Message}, ev.Err)
}

// heldUp tells whether a request is about a connector whose offsets are being changed.
func (h *Herder) heldUp(op Op) bool {
	if len(h.altering) == 0 {
		return false
	}
	_, altering := h.altering[subject(op)]
	return altering
}

// subject is the connector that a request is about.
func subject(op Op) string {
	switch op := op.(type) {
	case PutConnector:
		return op.Name
	case PatchConnector:
		return op.Name
	case DeleteConnector:
		return op.Name
	case SetTarget:
		return op.Name
	case RestartWork:
		return op.Work.Connector
	case RequestRestart:
		return op.Name
	case PutTaskConfigs:
		return op.Name
	case ChangeOffsets:
		return op.Name
	case publishTasks:
		return op.name
	}
	return ""
}
