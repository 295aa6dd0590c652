-- The loss curve of the run that logged an epoch last
SELECT epoch, train_loss, val_loss, epoch_seconds
FROM epochs
WHERE session_id = (SELECT session_id FROM training_epochs ORDER BY logged_at DESC LIMIT 1)
ORDER BY epoch
