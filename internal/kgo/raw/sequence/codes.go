package sequence

import "github.com/twmb/franz-go/pkg/kerr"

// corruptTries is how often a batch is sent that arrives corrupt. It was whole, so the way may have changed it; a broker that finds
// fault with it each time means something else.
const corruptTries = 3

// Classify tells what an error code of a produce response means for a batch that was sent so many times. The caller words errors.
func Classify(code int16, tries int, transactional bool) Kind {
	switch kerr.ErrorForCode(code) {
	case nil, kerr.DuplicateSequenceNumber:
		return Written
	case kerr.OutOfOrderSequenceNumber, kerr.UnknownProducerID:
		return OutOfOrder
	case kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidProducerIDMapping:
		return BadID
	case kerr.CorruptMessage:
		if tries < corruptTries {
			return NotWritten
		}
		return Refused
	case kerr.NotEnoughReplicas, kerr.ThrottlingQuotaExceeded:
		return NotWritten // checked before anything is appended
	case kerr.CoordinatorLoadInProgress, kerr.CoordinatorNotAvailable, kerr.NotCoordinator, kerr.ConcurrentTransactions:
		if transactional { // the broker asks the coordinator before it appends (KIP-890)
			return NotWritten
		}
		return Unsure
	case kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidTimestamp, kerr.InvalidRecord, kerr.UnsupportedCompressionType,
		kerr.UnsupportedForMessageFormat, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed,
		kerr.TransactionalIDAuthorizationFailed, kerr.InvalidTopicException, kerr.InvalidRequiredAcks, kerr.UnsupportedVersion,
		kerr.InvalidTxnState, kerr.TransactionAbortable, kerr.PolicyViolation:
		return Refused
	case kerr.UnknownTopicID, kerr.InconsistentTopicID:
		return Unsure // of a topic that was deleted, or made anew
	}
	if kerr.IsRetriable(kerr.ErrorForCode(code)) {
		return Unsure // such as a leader that lost its office while it waited for its followers
	}
	return Failed
}
