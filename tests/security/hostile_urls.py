"""URLs that nobody may be sent to, by what is wrong with them; and the addresses of real services, which are fine."""

from __future__ import annotations

# ruff: noqa: RUF001, SIM905 - characters that look like others are what this is about
# Each form of an address that some resolver or library takes for 127.0.0.1 or 169.254.169.254.
_LOOPBACK = (
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0x7f.0.0.1", "0177.0.0.1", "0177.1", "017700000001",
    "127.0.0.1.", "0x7f.0x0.0x0.0x1", "127.000.000.001", "0127.0.0.1", "127.0.0.01", "127。0。0。1", "①②⑦.⓪.⓪.①",
    "１２７.０.０.１", "127．0．0．1", "127.0.0.1%00", "127.0.0.1%2f", "%31%32%37.0.0.1", "0", "00000000", "4294967296",
)  # fmt: skip
_METADATA_V4 = (
    "169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23", "169.254.42.42", "169.254.10.10",
    "169.254.0.1", "169.254.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192", "2852039166", "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "0251.254.169.254", "169.254.43518", "169.16689662",
    "169.254.169.254.", "①⑥⑨.②⑤④.①⑥⑨.②⑤④", "169。254。169。254", "0.0.0.0", "224.0.0.1", "239.255.255.250",
    "255.255.255.255",
)  # fmt: skip
_METADATA_V6 = (
    "fd00:ec2::254", "fd00:ec2::23", "fd00:ec2::253", "fd00:ec2::123", "FD00:EC2:0:0:0:0:0:254", "fd20:ce::254",
    "fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:a9fe:a9fe::1", "fd00:100::100:200", "fe80::1", "fe80::a9fe:a9fe",
    "febf::1", "fe80::1%25eth0", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "0:0:0:0:0:ffff:a9fe:a9fe",
    "::169.254.169.254", "::a9fe:a9fe", "64:ff9b::a9fe:a9fe", "64:ff9b::169.254.169.254", "64:ff9b:1::a9fe:a9fe",
    "64:ff9b:1:2:3:4:a9fe:a9fe", "2002:a9fe:a9fe::", "2002:a9fe:a9fe::1", "::ffff:0:a9fe:a9fe",
    "2001:0:a9fe:a9fe::", "2001:0:1:1:1:1:5601:5601", "2001:db8::5efe:a9fe:a9fe", "2001:db8::200:5efe:a9fe:a9fe",
    "::ffff:100.100.100.200", "64:ff9b::6464:64c8", "2002:a83f:8110::1", "::ffff:168.63.129.16", "::",
    "::ffff:0.0.0.0",
    "ff02::1", "ff05::1:3", "ff0e::1",
)  # fmt: skip
_NAMES = (
    "metadata", "metadata.", "METADATA", "metadata.google.internal", "METADATA.google.INTERNAL.", "metadata.goog",
    "instance-data", "instance-data.ec2.internal", "metadata.tencentyun.com", "api.metadata.cloud.ibm.com",
)  # fmt: skip
_SCHEMES = (
    "file:///etc/passwd", "file://localhost/etc/passwd", "FILE:///etc/passwd", "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/stats", "ftp://127.0.0.1/x", "ldap://127.0.0.1/x", "jar:http://127.0.0.1!/x",
    "data:text/html,x", "javascript:alert(1)", "unix:///var/run/docker.sock", "ws://127.0.0.1/", "sftp://127.0.0.1/",
    "netdoc:///etc/passwd", "view-source:http://127.0.0.1", "http+unix://%2Fvar%2Frun%2Fdocker.sock/x", "tftp://h/x",
)  # fmt: skip
# What parsers read in different ways, and what no URL is.
_SHAPES = (
    "http://169.254.169.254\\@good.example/", "http://good.example\\@169.254.169.254/",
    "http://good.example@169.254.169.254/",
    "http://good.example:80@169.254.169.254/", "http://169.254.169.254@good.example/", "http://@169.254.169.254/",
    "http://:@169.254.169.254/",
    "http://good.example%40169.254.169.254/", "http://good.example#@169.254.169.254\\/", "http://[::1",
    "http://::1]/", "http://[]/",
    "http://[169.254.169.254]/", "http://[::1%25lo]x/", "http://[::1]x/", "http://[::1]@169.254.169.254/",
    "http://", "https://", "http:///etc", "http://?x", "http://#x",
    "http://.", "http://..", "http://a..b/", "http://-a.example/", "http://a.example:0/", "http://a.example:65536/",
    "http://a.example:-1/", "http://a.example:8o/", "http://a.example:٣/", "http://a b.example/",
    "http://a\tb.example/",
    "http://a\nb.example/", "http://a\r\nHost: x/", "http://a.example/\r\nX: y", "http://a\x00.example/",
    "http://a\x7f/",
    "http://е\u0445ample.com/", "http://exa\u00admple.com/", "http://ex\u200bample.com/", "http://exa%6dple.com/",
    "http://exam<ple.com/", "http://exam'ple.com/", "http://exam*ple.com/", "http://exam;ple.com/",
    "http://exam,ple/",
    f"http://{'a' * 64}.example/", "http://xn--\u0661.example/", "http://a.example\u3002evil.example/",
    "http://a.example\uff0fevil.example/", "http://a.example\u2044evil/", "http://\u2488.example/",
    "good.example/x@http://169.254.169.254/", "://169.254.169.254/", "http:169.254.169.254",
    "http:/169.254.169.254/", "http:\\\\169.254.169.254\\x",
    "https:/\\169.254.169.254/", "//169.254.169.254/", "\\\\169.254.169.254\\x", "/\\169.254.169.254",
    "169.254.169.254", "169.254.169.254:80", "",
    " ", "\u00a0", "http://169.254.169.254:80:80/", "h\u0442tp://169.254.169.254/",
)  # fmt: skip


def _bracket(address: str) -> str:
    return f"[{address}]" if ":" in address else address


# None of these is ever called, whoever has typed it.
NEVER = (
    *(f"http://{host}/latest/meta-data/" for host in (*_LOOPBACK, *_METADATA_V4, *_NAMES)),
    *(f"http://{_bracket(host)}/latest/meta-data/" for host in _METADATA_V6),
    *_SCHEMES,
    *_SHAPES,
)

# Base URLs and endpoints of real services, as their documentation has them.
REAL = tuple(
    f"https://{place}"
    for place in """
    api.github.com github.com/login/oauth/access_token gitlab.com/api/v4 gitlab.com/oauth/token api.bitbucket.org/2.0
    bitbucket.org/site/oauth2/access_token slack.com/api slack.com/api/oauth.v2.access slack.com/oauth/v2/authorize
    api.atlassian.com auth.atlassian.com/oauth/token acme.atlassian.net/rest/api/3 api.hubapi.com
    api.hubapi.com/oauth/v1/token app.hubspot.com/oauth/authorize login.salesforce.com/services/oauth2/token
    test.salesforce.com/services/oauth2/token acme.my.salesforce.com/services/data/v61.0
    acme--dev.sandbox.my.salesforce.com/services/data api.stripe.com/v1 connect.stripe.com/oauth/token
    oauth2.googleapis.com/token accounts.google.com/o/oauth2/v2/auth www.googleapis.com/drive/v3 gmail.googleapis.com/
    sheets.googleapis.com/v4 people.googleapis.com/v1 analyticsdata.googleapis.com/v1beta graph.microsoft.com/v1.0
    login.microsoftonline.com/common/oauth2/v2.0/token login.microsoftonline.us/common/oauth2/v2.0/token
    acme.sharepoint.com/_api acme.crm4.dynamics.com/api/data/v9.2 management.azure.com/ api.powerbi.com/v1.0/myorg
    graph.facebook.com/v21.0 graph.instagram.com/ graph.threads.net/v1.0 api.twitter.com/2 api.x.com/2 upload.x.com/2
    api.linkedin.com/v2 www.linkedin.com/oauth/v2/accessToken oauth.reddit.com/ www.reddit.com/api/v1/access_token
    open.tiktokapis.com/v2 business-api.tiktok.com/open_api/v1.3 api.pinterest.com/v5 api.tumblr.com/v2
    api.dropboxapi.com/2 content.dropboxapi.com/2 www.dropbox.com/oauth2/authorize api.box.com/2.0
    upload.box.com/api/2.0 api.onedrive.com/v1.0 api.notion.com/v1 api.airtable.com/v0 airtable.com/oauth2/v1/token
    api.asana.com/api/1.0 app.asana.com/-/oauth_token api.trello.com/1 trello.com/1/OAuthGetAccessToken
    api.monday.com/v2
    auth.monday.com/oauth2/token api.clickup.com/api/v2 api.linear.app/graphql api.todoist.com/rest/v2 api.height.app/
    api.figma.com/v1 www.figma.com/api/oauth/token api.miro.com/v2 api.canva.com/rest/v1 api.zoom.us/v2
    zoom.us/oauth/token webexapis.com/v1 api.calendly.com/ auth.calendly.com/oauth/token api.cal.com/v2
    acme.zendesk.com/api/v2 api.intercom.io/ api.eu.intercom.io/ acme.freshdesk.com/api/v2 api.helpscout.net/v2
    api.gorgias.com/api acme.gorgias.com/api api.front.com/ api2.frontapp.com/ www.zohoapis.com/crm/v6
    www.zohoapis.eu/crm/v6 accounts.zoho.eu/oauth/v2/token accounts.zoho.com.au/oauth/v2/token api.pipedrive.com/v1
    oauth.pipedrive.com/oauth/token acme.pipedrive.com/api/v1 api.close.com/api/v1 api.copper.com/developer_api/v1
    api.mailchimp.com/3.0 us21.api.mailchimp.com/3.0 login.mailchimp.com/oauth2/metadata api.sendgrid.com/v3
    api.eu.mailgun.net/v3 api.postmarkapp.com/ a.klaviyo.com/api api.brevo.com/v3 api.activecampaign.com/3
    acme.api-us1.com/api/3 api.constantcontact.com/v3 api.cc.email/v3 api.drip.com/v2 api.convertkit.com/v4
    acme.myshopify.com/admin/api/2025-10 acme.myshopify.com/admin/oauth/access_token api.bigcommerce.com/stores/x/v3
    login.bigcommerce.com/oauth2/token api.etsy.com/v3 openapi.etsy.com/v3 api.ebay.com/identity/v1/oauth2/token
    apiz.ebay.com/ api.sandbox.ebay.com/ api.amazon.com/auth/o2/token sellingpartnerapi-eu.amazon.com/
    sellingpartnerapi-na.amazon.com/ advertising-api.amazon.com/ api.walmart.com/v3 marketplace.walmartapis.com/v3
    www.wixapis.com/ www.wixapis.com/oauth/access api.squarespace.com/1.0 connect.squareup.com/v2
    connect.squareupsandbox.com/oauth2/token api-m.paypal.com/v1/oauth2/token api-m.sandbox.paypal.com/ api.adyen.com/
    checkout-test.adyen.com/v71 api.mollie.com/v2 api.gocardless.com/ bankaccountdata.gocardless.com/api/v2
    api.xero.com/api.xro/2.0 identity.xero.com/connect/token login.xero.com/identity/connect/authorize
    quickbooks.api.intuit.com/v3 sandbox-quickbooks.api.intuit.com/v3
    oauth.platform.intuit.com/oauth2/v1/tokens/bearer
    appcenter.intuit.com/connect/oauth2 api.freshbooks.com/ api.sageone.com/accounts api.accounting.sage.com/v3.1
    oauth.accounting.sage.com/token api.myob.com/accountright secure.myob.com/oauth2/v1/authorize api.wave.com/
    123-sb1.suitetalk.api.netsuite.com/services/rest/record/v1 123-sb1.restlets.api.netsuite.com/app/site
    system.netsuite.com/app/login wd2-impl-services1.workday.com/ccx/oauth2/acme/token
    api.bamboohr.com/api/gateway.php
    api.gusto.com/v1 api.rippling.com/platform/api api.personio.de/v1 api.hibob.com/v1 harvest.greenhouse.io/v1
    api.lever.co/v1 auth.lever.co/oauth/token api.ashbyhq.com/ api.smartrecruiters.com/ api.adp.com/
    accounts.adp.com/auth/oauth/v2/token api.twilio.com/2010-04-01 api.vonage.com/v2 api.telnyx.com/v2
    api.plivo.com/v1
    api.openai.com/v1 api.anthropic.com/v1 api.mistral.ai/v1 acme.snowflakecomputing.com/api/v2
    acme.cloud.databricks.com/api/2.1 adb-1234567890.12.azuredatabricks.net/api/2.0 api.segment.io/v1
    api.mixpanel.com/ eu.posthog.com/api amplitude.com/api/2 api.datadoghq.eu/api/v2 api.pagerduty.com/
    acme.okta.com/api/v1 acme.eu.auth0.com/oauth/token cognito-idp.eu-west-1.amazonaws.com/ api.docusign.net/
    account-d.docusign.com/oauth/token eu.docusign.net/restapi/v2.1 api.hellosign.com/v3 api.pandadoc.com/public/v1
    api.strava.com/api/v3 www.strava.com/oauth/token api.fitbit.com/1 apis.garmin.com/wellness-api/rest
    api.ouraring.com/v2
    api.spotify.com/v1 accounts.spotify.com/api/token api.appstoreconnect.apple.com/v1 appleid.apple.com/auth/token
    api.wordpress.com/v2 public-api.wordpress.com/rest/v1.1 api.webflow.com/v2 api.contentful.com/ cdn.contentful.com/
    api.sanity.io/v2021-06-07 api.netlify.com/api/v1 api.vercel.com/v9 api.cloudflare.com/client/v4
    api.digitalocean.com/v2
    """.split()
)
