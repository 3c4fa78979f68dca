-- Rows as release 2 of the updater's schema has them, the same on every engine: it was stopped while
-- it applied `feed_1`, within its second record, of which one card has its disposition and one not.
INSERT INTO cards VALUES ('demo', 'tok_1', 1, 1, TRUE, 'ACTIVE', 'VISA', 'fp', 202711);
INSERT INTO cards VALUES ('demo', 'tok_2', 1, 1, TRUE, 'ACTIVE', 'VISA', 'fp', 202711);
INSERT INTO cards VALUES ('demo', 'tok_3', 1, 1, TRUE, 'ACTIVE', 'VISA', 'fp', 202711);
INSERT INTO cards VALUES ('demo', 'tok_4', 1, 1, TRUE, 'ACTIVE', 'VISA', 'fp', 202711);
INSERT INTO enrolments (tenant, merchant_account, token, covered, opted_out, enrolled, open_batch,
    created_at, updated_at) VALUES ('demo', 'shop', 'tok_1', TRUE, FALSE, TRUE,
    '17999999999990000000000001', 10, 10);
INSERT INTO enrolments (tenant, merchant_account, token, covered, opted_out, enrolled, open_batch,
    created_at, updated_at) VALUES ('demo', 'shop', 'tok_2', TRUE, FALSE, TRUE,
    '17999999999990000000000001', 10, 10);
INSERT INTO enrolments (tenant, merchant_account, token, covered, opted_out, enrolled, open_batch,
    created_at, updated_at) VALUES ('demo', 'shop', 'tok_3', TRUE, FALSE, TRUE,
    '17999999999990000000000001', 10, 10);
INSERT INTO enrolments (tenant, merchant_account, token, covered, opted_out, enrolled, open_batch,
    created_at, updated_at) VALUES ('demo', 'shop', 'tok_4', TRUE, FALSE, TRUE,
    '17999999999990000000000001', 10, 10);
INSERT INTO inquiries
  VALUES ('17999999999990000000000001', 'cybersource', 'demo', 'shop', 'shop', 'SENT', 20, 30,
    'f', 'd', 1, 4, 31, NULL);
INSERT INTO inquiries
  VALUES ('22222222222222222222222222', 'cybersource', 'demo', 'shop', 'shop', 'SENT', 20, 30,
    'f', 'd', 1, 4, 31, NULL);
INSERT INTO questions VALUES ('REFA', '17999999999990000000000001', 1, 'ANSWERED', 'mac', '');
INSERT INTO questions VALUES ('REFB', '17999999999990000000000001', 2, 'ANSWERED', 'mac', '');
INSERT INTO questions VALUES ('REFC', '17999999999990000000000001', 3, 'OPEN', 'mac', '');
INSERT INTO questions
  VALUES ('REFD', '22222222222222222222222222', 1, 'DROPPED', '', 'CARD_NOT_FOUND');
INSERT INTO question_cards VALUES ('REFA', 'tok_1', 1);
INSERT INTO question_cards VALUES ('REFB', 'tok_2', 1);
INSERT INTO question_cards VALUES ('REFB', 'tok_3', 1);
INSERT INTO question_cards VALUES ('REFC', 'tok_4', 1);
INSERT INTO question_cards VALUES ('REFD', 'tok_4', 1);
INSERT INTO feed_files
  VALUES ('feed_1', 'cybersource', 'n', 9, 's1', 'VALIDATED', 40, '17999999999990000000000001',
    'demo', 3, '', 0, '', NULL);
INSERT INTO feed_files
  VALUES ('feed_2', 'cybersource', 'n', 9, 's2', 'APPLIED', 41, '22222222222222222222222222',
    'demo', 1, '', 0, '', 42);
INSERT INTO feed_files
  VALUES ('feed_3', 'cybersource', 'n', 9, 's3', 'QUARANTINED', 43, '', 'demo', 0, 'WRONG_KEY', 7,
    '', NULL);
INSERT INTO answers
  VALUES ('feed_1', 1, 'tok_1', 'REFA', 'u-1', 'PAN_UPDATED', 'NAN', '800', NULL, 'APPLIED', '');
INSERT INTO answers
  VALUES ('feed_1', 2, 'tok_2', 'REFB', 'u-2', 'PAN_UPDATED', 'NAN', '800', NULL, 'REJECTED',
    'WHY');
INSERT INTO answers
  VALUES ('feed_1', 2, 'tok_3', 'REFB', 'u-2', 'PAN_UPDATED', 'NAN', '800', NULL, NULL, '');
INSERT INTO answers
  VALUES ('feed_1', 10, 'tok_4', 'REFC', 'u-3', 'PAN_UPDATED', 'NAN', '800', NULL, NULL, '');
INSERT INTO answers
  VALUES ('feed_2', 1, 'tok_4', 'REFD', 'u-4', 'PAN_UPDATED', 'NAN', '800', 'DATA_MISSING',
    'NOT_SENT', 'DATA_MISSING');
INSERT INTO sightings VALUES ('n', 9, 100, 4);
INSERT INTO exceptions (kind, subject, reason, "offset", opened_at, resolved_at, resolution)
  VALUES ('FILE_QUARANTINED', 'feed_3', 'r', 0, 44, 45, 'done');
INSERT INTO exceptions (kind, subject, reason, "offset", opened_at, resolved_at, resolution)
  VALUES ('ANSWER_NOT_APPLIED', 'feed_1/2/tok_2', 'r', 0, 44, NULL, '');
INSERT INTO exceptions (kind, subject, reason, "offset", opened_at, resolved_at, resolution)
  VALUES ('INQUIRY_UNANSWERED', '22222222222222222222222222', 'r', 0, 44, NULL, '');
INSERT INTO exceptions (kind, subject, reason, "offset", opened_at, resolved_at, resolution)
  VALUES ('CARD_NOT_ASKED', 'REFD', 'r', 0, 44, NULL, '');
INSERT INTO exceptions (kind, subject, reason, "offset", opened_at, resolved_at, resolution)
  VALUES ('CARD_NOT_ASKED', 'demo/bar', 'r', 0, 44, NULL, '');
INSERT INTO requests VALUES ('demo', 'app', 'r-1', 'd1', 'tok_1', 10);
