"""Does things in MiniStack with AWS's own client, as the owner of an account.

    ask.py PORT ACCOUNT

It reads a list of calls, [["iam", "create_user", {"UserName": "u"}], ...], from stdin, and prints the list of answers.
"""

import json
import sys

import botocore.session

port, account = sys.argv[1:]
session = botocore.session.Session()


def call(service, name, arguments):
    # MiniStack takes the number of an account as the key of its owner.
    client = session.create_client(
        service,
        region_name="eu-west-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id=account,
        aws_secret_access_key="test",
    )
    return getattr(client, name)(**arguments)


json.dump([call(*one) for one in json.load(sys.stdin)], sys.stdout, default=str)
