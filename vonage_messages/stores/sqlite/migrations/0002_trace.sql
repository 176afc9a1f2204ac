-- Where the caller was, in the words of W3C Trace Context, when the message was added; mostly nothing.
ALTER TABLE message ADD COLUMN trace TEXT;
